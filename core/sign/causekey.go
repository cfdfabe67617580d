package sign

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
)

// testAppKey is the documented app_key of the platform's test account.
const testAppKey = "123456"

// readSign finds the bytes that the field sign stands for, however it is
// written, and what is wrong with how it is.
func (s *causeSearch) readSign() (wrong string) {
	var exact [md5.Size]byte
	if decodeSign(&exact, s.sign) == nil {
		s.target = exact[:]
		return ""
	}
	text := s.sign
	if before, after, ok := strings.Cut(text, "."); ok && len(before) == 2*md5.Size && len(after) == 2*md5.Size {
		s.bound, text = before, after
	}
	digits := strings.NewReplacer("-", "", ":", "", " ", "").Replace(strings.Trim(text, " \t\r\n\"'"))
	digits = strings.TrimPrefix(strings.TrimPrefix(digits, "0x"), "0X")
	if target, err := hex.DecodeString(digits); err == nil {
		switch len(target) {
		case md5.Size / 2:
			s.target = target
			return "it is the middle 16 of the 32 digits"
		case md5.Size:
			s.target = target
			if s.bound != "" {
				return ""
			}
			return "there is something around its digits or between them"
		case sha1.Size, sha256.Size224, sha256.Size, sha512.Size384, sha512.Size:
			s.target = target
			return "it has the length of another hash"
		}
	}
	trimmed := strings.TrimRight(strings.Trim(text, " \t\r\n\"'"), "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		target, err := encoding.DecodeString(trimmed)
		if err == nil && (len(target) == md5.Size || len(target) == sha1.Size || len(target) == sha256.Size || len(target) == sha512.Size) {
			s.target = target
			return "it is base64"
		}
	}
	return "it is neither hexadecimal nor base64 of a hash"
}

// trySignatures tests whether it is another kind of signature.
func (s *causeSearch) trySignatures() {
	var nonces, times []string
	for _, m := range s.members {
		switch m.Name {
		case "noncestr", "nonce_str":
			nonces = append(nonces, m.Value)
		case "timestamp", "time", "trade_time", "pay_time":
			times = append(times, m.Value)
		}
	}
	for _, key := range s.keys {
		if s.bound != "" {
			detail := ""
			if s.bound != strings.ToUpper(s.bound) {
				detail = "the base signature in lower case"
			}
			s.hash(causeJoint, "", detail, s.base, "&key=", key, "&basesign=", s.bound)
			s.hash(causeJoint, "", "the base signature signed in upper case", s.base, "&key=", key, "&basesign=", strings.ToUpper(s.bound))
			s.hash(causeJoint, "", "the base signature signed in lower case", s.base, "&key=", key, "&basesign=", strings.ToLower(s.bound))
		}
		for _, nonce := range nonces {
			for _, time := range times {
				s.hash(causeBase, "", "", key, nonce, time)
				base := upperHex(md5.Sum([]byte(key + nonce + time)))
				s.hash(causeJoint, "", "the second half alone", s.base, "&key=", key, "&basesign=", base)
				s.hash(causeJoint, "", "the second half alone, the base signature in lower case", s.base, "&key=", key, "&basesign=", strings.ToLower(base))
			}
		}
		for _, text := range s.texts() {
			s.hashOther(text, key)
		}
	}
	if s.bound != "" {
		s.note(causeJoint, EvidenceBody, "", "it is written as one: two signatures and a dot between them")
	}
}

// hashOther tests for other hashes, each of which has a length of its own.
func (s *causeSearch) hashOther(text, key string) {
	for _, other := range []struct {
		name string
		size int
		make func() hash.Hash
	}{
		{"MD5", md5.Size, md5.New}, {"SHA-1", sha1.Size, sha1.New}, {"SHA-224", sha256.Size224, sha256.New224},
		{"SHA-256", sha256.Size, sha256.New}, {"SHA-384", sha512.Size384, sha512.New384}, {"SHA-512", sha512.Size, sha512.New},
	} {
		is := func(id, detail string, h hash.Hash, pieces ...string) {
			f := s.found[id]
			if f.evidence == EvidenceSign || !s.worth(f) {
				return
			}
			for _, piece := range pieces {
				_, _ = h.Write([]byte(piece))
			}
			if bytes.Equal(h.Sum(nil), s.target) {
				*f = finding{evidence: EvidenceSign, detail: detail}
			}
		}
		if len(s.target) != other.size {
			continue
		}
		is(causeHMAC, "HMAC-"+other.name+" of the text", hmac.New(other.make, []byte(key)), text)
		is(causeHMAC, "HMAC-"+other.name+" of the text with the key behind it", hmac.New(other.make, []byte(key)), text, "&key=", key)
		if other.size != md5.Size {
			is(causeSHA, other.name, other.make(), text, "&key=", key)
			is(causeSHA, other.name+", the key not behind &key=", other.make(), text, key)
		}
	}
	if s.target == nil {
		s.found[causeHMAC].blind, s.found[causeSHA].blind = true, true
	}
}

// keyNames are those that other platforms, or other fields of this one, give
// the key at the end of the text.
var keyNames = []string{"app_key", "appkey", "appKey", "Key", "KEY", "secret", "app_secret", "appSecret", "secretKey", "api_key", "paykey", "sign_key", "token"}

// tryKeys tests whether the key is another one, or stands elsewhere.
func (s *causeSearch) tryKeys() {
	for _, text := range s.texts() {
		for _, key := range s.keys {
			trimmed := strings.Trim(key, " \t\r\n\"'"+byteOrderMark)
			for _, spaced := range []string{trimmed, key + "\n", key + "\r\n", key + " ", " " + key, key + "\t", `"` + key + `"`, "'" + key + "'", byteOrderMark + key} {
				if spaced != key {
					s.hash(causeKeySpacing, "", "", text, "&key=", spaced)
				}
			}
			for _, cased := range []string{strings.ToLower(key), strings.ToUpper(key)} {
				if cased != key {
					s.hash(causeKeyCase, "", "", text, "&key=", cased)
				}
			}
			for _, name := range keyNames {
				s.hash(causeKeyName, "", "behind &"+name+"=", text, "&", name, "=", key)
			}
			s.hash(causeKeyName, "", "right behind the text", text, key)
			s.hash(causeKeyName, "", "behind an & alone", text, "&", key)
			s.hash(causeKeyName, "", "behind &key= and an & behind it", text, "&key=", key, "&")
			s.hash(causeKeyName, "", "before the text", key, text)
			s.hash(causeKeyName, "", "before the text, with an &", key, "&", text)
			s.hash(causeKeyName, "", "before the text, as key=", "key=", key, "&", text)
			s.hash(causeKeyName, "", "before and behind the text", key, text, key)
			s.hash(causeTextCase, "", "to lower case", strings.ToLower(text), "&key=", key)
			s.hash(causeTextCase, "", "to upper case", strings.ToUpper(text), "&key=", key)
			s.hash(causeTextCase, "", "to lower case with the key", strings.ToLower(text+"&key="+key))
			s.hash(causeTextCase, "", "to upper case with the key", strings.ToUpper(text+"&key="+key))
		}
		s.hash(causeKeyName, "", "there is none in it, so everybody can sign", text)
		s.hash(causeKeyName, "", "there is none behind &key=, so everybody can sign", text, "&key=")
		if !slices.Contains(s.keys, testAppKey) {
			s.hash(causeKey, "", "it is that of the documented test account", text, "&key=", testAppKey)
		}
		for _, m := range s.sorted {
			if m.Value != "" && len(m.Value) <= 128 && !slices.Contains(s.keys, m.Value) {
				s.hash(causeKey, m.Name, "it is the value of a field", text, "&key=", m.Value)
			}
		}
	}
	for _, key := range s.keys {
		if text := s.with(member{Field: Field{Name: "key", Value: key}}); text != s.base+"&key="+key {
			s.hash(causeKeyName, "", "sorted in among the fields", text)
		}
	}
}

// readTheirs takes the key from their text, and looks at how it stands there.
func (s *causeSearch) readTheirs(theirs string) {
	s.theirs = theirs
	for _, key := range s.keys {
		rest, ok := strings.CutSuffix(theirs, key)
		if !ok {
			continue
		}
		at := strings.LastIndexByte(rest, '&')
		if at >= 0 && strings.HasSuffix(rest, "=") && !s.holds(rest[at+1:len(rest)-1], key) {
			s.theirs = rest[:at]
			if name := rest[at+1 : len(rest)-1]; name != "key" {
				s.note(causeKeyName, EvidenceTheirs, "", "not under the name key")
			}
			return
		}
		if len(key) >= tellableKey {
			s.theirs = rest
			s.note(causeKeyName, EvidenceTheirs, "", "right behind the text")
			return
		}
	}
	at := strings.LastIndex(theirs, "&key=")
	if at < 0 || strings.Contains(theirs[at+1:], "&") || s.holds("key", theirs[at+len("&key="):]) {
		return
	}
	given := theirs[at+len("&key="):]
	s.theirs = theirs[:at]
	if masked(given) {
		return
	}
	for _, key := range s.keys {
		const around = " \t\r\n\"'" + byteOrderMark
		switch {
		case strings.Trim(given, around) == strings.Trim(key, around):
			s.note(causeKeySpacing, EvidenceTheirs, "", "")
			return
		case strings.EqualFold(given, key):
			s.note(causeKeyCase, EvidenceTheirs, "", "")
			return
		}
	}
	if len(s.keys) > 0 {
		s.note(causeKey, EvidenceTheirs, "", "behind their &key= stands none of those that were given")
	}
}

// holds reports whether the body has that very field.
func (s *causeSearch) holds(name, value string) bool {
	for _, m := range s.sorted {
		if m.Name == name && m.Value == value {
			return true
		}
	}
	return false
}

// masked reports whether text stands for a key and is none.
func masked(text string) bool {
	text = strings.ToLower(strings.Trim(text, "*.<>[]{}()$…- \r\n"))
	return strings.Trim(text, "x") == "" || text == "app_key" || text == "appkey" || text == "key" || text == "redacted"
}
