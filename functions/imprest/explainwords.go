package main

import (
	"strings"

	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/functions/imprest/internal/chinese"
)

// explainWords is what explain prints around an explanation, in one language.
type explainWords struct {
	verdict, reason, signedText, ours, theirs, cause, perhaps, others string

	leftOut, endsHere, firstDifference       string
	nothingToCompare, sameText, sameTextOnly string
	bySign, byTheirs, byBody                 string
	noCause, notIt, cannotTell, listed       string
	colon                                    string

	tried, triedPublic, triedOne, triedGiven, triedFor, otherApp string
	likelyKey, whyKey, compareKey                                string
	record, recordOf                                             string
}

func explainEnglish() explainWords {
	return explainWords{
		verdict: "verdict", reason: "reason", signedText: "signed text", ours: "ours", theirs: "theirs", cause: "cause", perhaps: "perhaps", others: "others",
		leftOut: "left out: ", endsHere: "(ends here)", firstDifference: "the first difference, at byte %d",
		nothingToCompare: "There is nothing to compare theirs with.", sameText: "Theirs is the same text.", sameTextOnly: "Theirs is the same text, so the sign or the key differs.",
		bySign: "Undone, the signature holds.", byTheirs: "The text that they give shows it.", byBody: "The message itself shows it.",
		noCause: "none of the usual ones, as far as can be told", notIt: "%d are not it", cannotTell: ", %d cannot be told", listed: " (--json lists them)", colon: ": ",
		tried: "tried", triedPublic: "1 key, that of the documented test account, app_id %s", triedOne: "1 key, which you gave", triedGiven: "%d keys, which you gave", triedFor: "; the body's app_id is %s",
		otherApp:  "app_id is %s; the key tried is the test account's: give --app-key-file",
		likelyKey: "most likely another app_key", whyKey: "The body is well formed, and nothing else fits.",
		compareKey: "Compare the length of the app_key on both sides, then the key itself, then give what they signed with --theirs.",
		record:     "record", recordOf: "what is explained is its body: %d bytes, %s",
	}
}

func explainChinese() explainWords {
	return explainWords{
		verdict: "结论", reason: "原因", signedText: "待签名串", ours: "我方", theirs: "对方", cause: "起因", perhaps: "可能", others: "其他",
		leftOut: "不参与签名：", endsHere: "（到此结束）", firstDifference: "第一处差异，在第 %d 字节",
		nothingToCompare: "没有可以与对方比较的内容。", sameText: "对方的待签名串相同。", sameTextOnly: "对方的待签名串相同，所以不同的是签名或密钥。",
		bySign: "还原之后签名正确。", byTheirs: "从对方给出的待签名串可以看出。", byBody: "从消息本身可以看出。",
		noCause: "就能判断的而言，不属于常见原因", notIt: "%d 个不是", cannotTell: "，%d 个无法判断", listed: "（--json 会列出）", colon: "：",
		tried: "试过", triedPublic: "1 把密钥：公开的测试账号的，app_id %s", triedOne: "你给的 1 把密钥", triedGiven: "你给的 %d 把密钥", triedFor: "；正文的 app_id 是 %s",
		otherApp:  "正文的 app_id 是 %s；试过的是测试账号的密钥：请用 --app-key-file 给出它的密钥",
		likelyKey: "很可能用了别的 app_key", whyKey: "正文格式正确，其他原因都不符合。",
		compareKey: "先核对双方 app_key 的长度，再核对密钥本身，然后用 --theirs 给出对方的待签名串。",
		record:     "通知记录", recordOf: "解析的是其中的正文：%d 字节，%s",
	}
}

// language is what --lang says, else what the environment does: zh or en.
func (p *program) language(flag string) (string, error) {
	switch flag {
	case "zh", "en":
		return flag, nil
	case "":
	default:
		return "", usage("--lang: there is no %q: zh and en are there", flag)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value, _ := p.getenv(name); value != "" {
			if strings.HasPrefix(value, "zh") {
				return "zh", nil
			}
			break // the first that is set counts
		}
	}
	return "en", nil
}

// inLanguage returns an explanation and the words around it.
func inLanguage(e sign.Explanation, lang string) (sign.Explanation, explainWords) {
	if lang == "zh" {
		return chinese.Open().Explanation(e), explainChinese()
	}
	return e, explainEnglish()
}
