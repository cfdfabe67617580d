package chinese

// causeWords is what a cause is, and what to do.
type causeWords struct{ title, advice string }

// causes are the words for each of sign.CauseIDs.
func causes() map[string]causeWords {
	return map[string]causeWords{
		"sign_missing":   {"没有 sign", "把数据签名放进正文的 sign 字段，名称必须就是 sign。"},
		"sign_spelling":  {"sign 不是 32 位十六进制数字", "把 MD5 的 16 个字节写成 32 位十六进制数字，前后和中间都不要有别的字符；规则是大写，小写也能识别。"},
		"content_type":   {"Content-Type 与正文不一致", "JSON 用 application/json，表单用 application/x-www-form-urlencoded，都用 UTF-8；转发时保持这个头部不变。"},
		"bom":            {"多了字节顺序标记（BOM）", "正文和待签名串都写成不带 BOM 的 UTF-8。"},
		"not_strict":     {"正文有多种读法", "按给出的原因修正正文：这样的正文，签名再对也不能接受。"},
		"joint":          {"该用数据签名的地方用了联合签名", "正文用 sign.Data 签名；sign.Joint 只用于付款请求的头部。"},
		"base":           {"该用数据签名的地方用了基础签名", "用 sign.Data 对正文的字段签名；sign.Base 用于头部，与正文无关。"},
		"hmac":           {"用了 HMAC，而不是 MD5", "对待签名串加 &key=APP_KEY 直接做 MD5，平台不用 HMAC。"},
		"sha":            {"用了别的哈希，而不是 MD5", "用 MD5，平台的 sign_type 只有这一种。"},
		"key_spacing":    {"密钥前后有空白或引号", "在配置 app_key 的地方，去掉它前后的空白、换行、引号或 BOM；哪一方有就改哪一方。"},
		"key_case":       {"密钥的大小写不对", "app_key 按下发时的原样使用，大小写不同就是不同的密钥。"},
		"key_name":       {"密钥没有接在 &key= 之后", "在排好序的字段之后接上 &key= 和 app_key：只接一次，名称就是 key，放在最后。"},
		"key":            {"用了别的密钥", "核对双方在这个 app_id、这个环境下的 app_key，以及它是否更换过。"},
		"empty_signed":   {"空字段参与了签名", "值为空或 null 的字段都不放进待签名串。"},
		"sign_signed":    {"sign 字段自己参与了签名", "拼待签名串之前先去掉 sign 字段，即使它还是空的。"},
		"field_left_out": {"有字段没有参与签名", "除 sign 以外，所有不为空的字段都要签名，包括 sign_type 和程序不认识的字段。"},
		"field_not_sent": {"签了没有发送的字段", "发送什么就签什么，签了什么就发送什么。"},
		"order_document": {"字段没有排序", "拼接之前，按字段名逐字节排序。"},
		"order_case":     {"字段排序时忽略了大小写", "按字节排序字段名（A-Z、_、a-z），不要按字典或区域设置排序。"},
		"order_pairs":    {"按 name=value 排序", "只按字段名排序，排好之后再接 = 和值：= 排在数字之后。"},
		"joining":        {"字段的拼接方式不对", "用一个 & 连接各个 name=value，不加引号，首尾都不加 &。"},
		"text_case":      {"哈希之前把待签名串转成了大写或小写", "对待签名串原样做哈希，之后再把哈希结果转成大写。"},
		"form_plus":      {"表单里的 + 与空格混淆", "表单里空格写成 + 或 %20，加号写成 %2B；签名用解码后的值，其中 + 是空格。"},
		"form_percent":   {"百分号转义解码的次数不对", "表单只解码一次，对解码后的值签名。"},
		"url_encoded":    {"待签名串里的值做了 URL 编码", "对原值签名；只有放进 URL 或表单的内容才做 URL 编码，而且在签名之后。"},
		"escapes":        {"签名时值里带着转义", `无论正文怎么写，都对解码后的文字签名：不要 \u003c、\u5fae、\/ 或 &amp;。`},
		"reserialised":   {"JSON 被重新编码", "按 k=v 对字段签名，不要对 JSON 签名；值里面的 JSON 要逐字节原样传递。"},
		"trailing_space": {"值的前后或末尾有空白", "签名和发送用同一段文字：两边都去空白，或者都不去；末尾不要换行。"},
		"number":         {"数字的写法不同", "按正文里的字节签名数字；金额是整数分，不要用浮点数，也不要用元。"},
		"bool_null":      {"true、false 或 null 的写法不同", "true 和 false 按这两个词签名，null 不参与签名。"},
		"charset":        {"字符集不同", "正文和待签名串都用 UTF-8，而且要明确指定，不要依赖机器的默认值。"},
		"changed":        {"消息在签名之后被改动，或是伪造的", "把正文与发送方的日志对照，检查双方之间经过了什么；弄清之前，一律当作伪造。"},
	}
}
