package mall

import "time"

// Millis is a time as the cloud spells it: milliseconds since 1970-01-01 UTC,
// as a number, or as a string of one (gmtCreate). 0 is no time.
type Millis int64

// NewMillis returns t, cut to milliseconds; 0 for the zero time.
func NewMillis(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time returns the time, in UTC; the zero time for 0.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// UnmarshalJSON reads a number or a string of one; null and "" are 0.
func (m *Millis) UnmarshalJSON(data []byte) error {
	n, err := integer(data)
	if err != nil {
		return err
	}
	*m = Millis(n)
	return nil
}
