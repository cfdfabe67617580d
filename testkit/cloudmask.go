package testkit

import "unicode/utf8"

// shortCode is the length below which an exchange code may well be a part of
// something else: it is masked by its name alone.
const shortCode = 8

// masked returns e without a secret.
func (c *Cloud) masked(e Exchange) Exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.secrets.masked(e)
}

// maskIssued masks tokens and tickets, and exchange codes, wherever
// they stand. It is called with the lock held.
func (c *Cloud) maskIssued(text string) string {
	text = maskIssued(text, weChatTokenLength, c.tokens)
	text = maskIssued(text, ticketLength, c.byTicket)
	text = c.gateway.maskIssued(text)
	for _, k := range c.codes {
		if len(k.Code) >= shortCode {
			text = maskWord(text, k.Code, maskCode(k.Code), len(k.Code) >= longKey)
		}
	}
	return text
}

// maskCode shows the last four characters of an exchange code that is at least
// twice as long.
func maskCode(code string) string {
	n := utf8.RuneCountInString(code)
	if n < shortCode {
		return mask
	}
	return mask + string([]rune(code)[n-4:])
}
