package lambdatest

// Other is an event that a function for HTTP, queues and schedules must
// refuse.
type Other struct {
	Name  string
	Event []byte
}

// Others returns events that are none of this package's kinds: from services
// that a function was not made for, and values that are no event at all. A
// function that answers one of them as if it were a request, or in silence,
// would lose it.
func Others() []Other {
	return []Other{
		{"an empty object", []byte(`{}`)},
		{"null", []byte(`null`)},
		{"an empty array", []byte(`[]`)},
		{"a text", []byte(`"hello"`)},
		{"a number", []byte(`1`)},
		{"nothing", []byte(``)},
		{"half an object", []byte(`{"version":"2.0"`)},
		{"the console's test event", []byte(`{"key1":"value1","key2":"value2","key3":"value3"}`)},
		{"no records", []byte(`{"Records":[]}`)},
		{"SNS", []byte(`{"Records":[{"EventSource":"aws:sns","EventVersion":"1.0",` +
			`"EventSubscriptionArn":"arn:aws:sns:us-east-1:123456789012:imprest:21be56ed-a058-49f5-8c98-aedd2564c486",` +
			`"Sns":{"Type":"Notification","MessageId":"95df01b4-ee98-5cb9-9903-4c221d41eb5e",` +
			`"TopicArn":"arn:aws:sns:us-east-1:123456789012:imprest","Subject":null,"Message":"hello",` +
			`"Timestamp":"2026-07-10T19:19:04.836Z","SignatureVersion":"1","Signature":"tcc6faL2yUC6dgZdmrwh1Y4cGa/ebXEkAi6RibDsvpi+tE/1+82j",` +
			`"SigningCertUrl":"https://sns.us-east-1.amazonaws.com/SimpleNotificationService.pem",` +
			`"UnsubscribeUrl":"https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe","MessageAttributes":{}}}]}`)},
		{"S3", []byte(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1",` +
			`"eventTime":"2026-07-10T19:19:04.836Z","eventName":"ObjectCreated:Put","userIdentity":{"principalId":"AWS:AIDAINPONIXQXHT3IKHL2"},` +
			`"requestParameters":{"sourceIPAddress":"203.0.113.7"},"responseElements":{"x-amz-request-id":"D82B88E5F771F645"},` +
			`"s3":{"s3SchemaVersion":"1.0","configurationId":"imprest","bucket":{"name":"imprest","ownerIdentity":{"principalId":"A3I5XTEXAMAI3E"},` +
			`"arn":"arn:aws:s3:::imprest"},"object":{"key":"receipts/1.json","size":1305,"eTag":"b21b84d653bb07b05b1e6b33684dc11b","sequencer":"0C0F6F405D6ED209E1"}}}]}`)},
		{"DynamoDB", []byte(`{"Records":[{"eventID":"c4ca4238a0b923820dcc509a6f75849b","eventName":"INSERT","eventVersion":"1.1",` +
			`"eventSource":"aws:dynamodb","awsRegion":"us-east-1","dynamodb":{"Keys":{"id":{"S":"p/1"}},"NewImage":{"id":{"S":"p/1"}},` +
			`"SequenceNumber":"4421584500000000017450439091","SizeBytes":26,"StreamViewType":"NEW_IMAGE"},` +
			`"eventSourceARN":"arn:aws:dynamodb:us-east-1:123456789012:table/imprest/stream/2026-07-10T00:00:00.000"}]}`)},
		{"Kinesis", []byte(`{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1",` +
			`"sequenceNumber":"49590338271490256608559692538361571095921575989136588898","data":"aGVsbG8=","approximateArrivalTimestamp":1783711144.836},` +
			`"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000006:4959","eventName":"aws:kinesis:record",` +
			`"awsRegion":"us-east-1","eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/imprest"}]}`)},
		{"an EventBridge event that is no schedule", []byte(`{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718",` +
			`"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"123456789012","time":"2026-07-10T19:19:04Z",` +
			`"region":"us-east-1","resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-1234567890abcdef0"],"detail":{"instance-id":"i-1234567890abcdef0","state":"terminated"}}`)},
		{"a WebSocket message", []byte(`{"requestContext":{"routeKey":"$default","messageId":"JCyxmplGYNoCEww=","eventType":"MESSAGE",` +
			`"extendedRequestId":"JCyxmplGQoNFwAA=","requestTime":"10/Jul/2026:19:19:04 +0000","messageDirection":"IN","stage":"prod",` +
			`"connectedAt":1783711144836,"requestTimeEpoch":1783711144836,"identity":{"sourceIp":"203.0.113.7"},"requestId":"JCyxmplGQoNFwAA=",` +
			`"domainName":"a1b2c3d4e5.execute-api.us-east-1.amazonaws.com","connectionId":"JCyw0ecZAosCEww=","apiId":"a1b2c3d4e5"},` +
			`"body":"{\"action\":\"hello\"}","isBase64Encoded":false}`)},
		{"a request for authorization", []byte(`{"type":"TOKEN","authorizationToken":"allow",` +
			`"methodArn":"arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/POST/callbacks/payment"}`)},
		{"a request for authorization, of a whole request", []byte(`{"type":"REQUEST","methodArn":"arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/POST/callbacks/payment",` +
			`"resource":"/callbacks/payment","path":"/callbacks/payment","httpMethod":"POST","headers":{"Host":"a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"},` +
			`"multiValueHeaders":{"Host":["a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"]},"queryStringParameters":null,"pathParameters":null,"stageVariables":null,` +
			`"requestContext":{"path":"/prod/callbacks/payment","accountId":"123456789012","stage":"prod","httpMethod":"POST","apiId":"a1b2c3d4e5","identity":{"sourceIp":"203.0.113.7"}}}`)},
		{"a request for authorization of an HTTP API", []byte(`{"version":"2.0","type":"REQUEST","routeArn":"arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/POST/callbacks/payment",` +
			`"identitySource":["hello"],"routeKey":"POST /callbacks/payment","rawPath":"/callbacks/payment","rawQueryString":"","headers":{"host":"a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"},` +
			`"requestContext":{"accountId":"123456789012","apiId":"a1b2c3d4e5","http":{"method":"POST","path":"/callbacks/payment","protocol":"HTTP/1.1","sourceIp":"203.0.113.7"},"stage":"$default"}}`)},
		{"VPC Lattice", []byte(`{"version":"2.0","path":"/callbacks/payment","method":"POST","headers":{"host":["imprest.vpc-lattice-svcs.us-east-1.on.aws"]},` +
			`"queryStringParameters":{},"body":"hello","isBase64Encoded":false,"requestContext":{"serviceNetworkArn":"arn:aws:vpc-lattice:us-east-1:123456789012:servicenetwork/sn-0123456789abcdef0"}}`)},
		{"Cognito", []byte(`{"version":"1","triggerSource":"PreSignUp_SignUp","region":"us-east-1","userPoolId":"us-east-1_example",` +
			`"userName":"alice","callerContext":{"awsSdkVersion":"3","clientId":"1example23456789"},"request":{"userAttributes":{"email":"alice@example.com"}},` +
			`"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}}`)},
		{"CloudFront", []byte(`{"Records":[{"cf":{"config":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE",` +
			`"eventType":"viewer-request","requestId":"4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="},` +
			`"request":{"clientIp":"203.0.113.7","headers":{"host":[{"key":"Host","value":"d111111abcdef8.cloudfront.net"}]},"method":"GET","querystring":"","uri":"/"}}}]}`)},
	}
}
