package tuya

// The data centers, by the address of their OpenAPI. A cloud project lives in
// one of them; in another its requests are refused. WeChat products are mainland
// China's.
const (
	China          = "https://openapi.tuyacn.com"
	WesternAmerica = "https://openapi.tuyaus.com"
	EasternAmerica = "https://openapi-ueaz.tuyaus.com"
	CentralEurope  = "https://openapi.tuyaeu.com"
	WesternEurope  = "https://openapi-weaz.tuyaeu.com"
	India          = "https://openapi.tuyain.com"
	// Singapore is in public clients, and in no table of Tuya's that this
	// project has read.
	Singapore = "https://openapi-sg.iotbing.com"
)
