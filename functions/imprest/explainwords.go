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
}

func explainEnglish() explainWords {
	return explainWords{
		verdict: "verdict", reason: "reason", signedText: "signed text", ours: "ours", theirs: "theirs", cause: "cause", perhaps: "perhaps", others: "others",
		leftOut: "left out: ", endsHere: "(ends here)", firstDifference: "the first difference, at byte %d",
		nothingToCompare: "There is nothing to compare theirs with.", sameText: "Theirs is the same text.", sameTextOnly: "Theirs is the same text, so the sign or the key differs.",
		bySign: "Undone, the signature holds.", byTheirs: "The text that they give shows it.", byBody: "The message itself shows it.",
		noCause: "none of the usual ones, as far as can be told", notIt: "%d are not it", cannotTell: ", %d cannot be told", listed: " (--json lists them)", colon: ": ",
	}
}

func explainChinese() explainWords {
	return explainWords{
		verdict: "结论", reason: "原因", signedText: "待签名串", ours: "我方", theirs: "对方", cause: "起因", perhaps: "可能", others: "其他",
		leftOut: "不参与签名：", endsHere: "（到此结束）", firstDifference: "第一处差异，在第 %d 字节",
		nothingToCompare: "没有可以与对方比较的内容。", sameText: "对方的待签名串相同。", sameTextOnly: "对方的待签名串相同，所以不同的是签名或密钥。",
		bySign: "还原之后签名正确。", byTheirs: "从对方给出的待签名串可以看出。", byBody: "从消息本身可以看出。",
		noCause: "就能判断的而言，不属于常见原因", notIt: "%d 个不是", cannotTell: "，%d 个无法判断", listed: "（--json 会列出）", colon: "：",
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
