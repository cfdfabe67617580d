package testkit

import (
	"slices"
	"time"
)

// The tags of a [Service].
const (
	TagFreeTrial        = "freeTrial"
	TagAutomaticRenewal = "automaticRenewal"
)

// Service is a service that a device has.
type Service struct {
	// Code is the service's code, such as "voip".
	Code string
	// Name is what people read.
	Name string
	// Type is one of [TypeCloudStorage] and its like.
	Type int
	// Start and End are the startTime and endTime, to the millisecond; a
	// zero time is not told, as of a service that was never bought.
	Start time.Time
	End   time.Time
	// Tags are [TagFreeTrial] and its like.
	Tags []string
	// IsFree, IsAY (mainland China), IsExit and IsPermanent are told as they
	// are. What isExit means is not published; it is true in the page's
	// examples.
	IsFree      bool
	IsAY        bool
	IsExit      bool
	IsPermanent bool
	// Duration is how many days a rolling storage goes back. It and
	// HasPurchasedOrder are in no table of the page, and in one of its
	// examples; they are told unless Duration is 0.
	Duration          int
	HasPurchasedOrder bool
}

// Ended reports whether the service has ended by now.
func (s Service) Ended(now time.Time) bool {
	return !s.IsPermanent && !s.End.IsZero() && !now.Before(s.End)
}

func (s Service) clone() Service {
	s.Tags = slices.Clone(s.Tags)
	return s
}

// After returns the time that lies the period after t, by the calendar: a
// month after January 31 is the last day of February.
func (p Period) After(t time.Time) time.Time {
	switch p.Unit {
	case PeriodYear:
		return monthsAfter(t, 12*p.Value)
	case PeriodMonth:
		return monthsAfter(t, p.Value)
	case PeriodWeek:
		return t.AddDate(0, 0, 7*p.Value)
	}
	return t.AddDate(0, 0, p.Value)
}

func (p Period) valid() bool { return p.Unit >= PeriodYear && p.Unit <= PeriodWeek && p.Value > 0 }

func monthsAfter(t time.Time, n int) time.Time {
	later := t.AddDate(0, n, 0)
	if later.Day() != t.Day() { // there is no such day, and AddDate went on into the next month
		later = later.AddDate(0, 0, -later.Day())
	}
	return later
}

// millisecond returns t as the wire can tell it.
func millisecond(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

func (c *Cloud) getServiceListByDevice(a *asked) (any, *denial) {
	type service struct {
		Duration          int      `json:"duration,omitempty"`
		Code              string   `json:"code"`
		IsAY              bool     `json:"isAY"`
		IsFree            bool     `json:"isFree"`
		Name              string   `json:"name"`
		IsExit            bool     `json:"isExit"`
		IsPermanent       *bool    `json:"isPermanent,omitempty"`
		HasPurchasedOrder *bool    `json:"hasPurchasedOrder,omitempty"`
		StartTime         int64    `json:"startTime,omitempty"`
		EndTime           int64    `json:"endTime,omitempty"`
		Type              int      `json:"type"`
		Tags              []string `json:"tags"`
	}
	list := []service{}
	for _, s := range a.device.Services {
		if c.readings.HideEnded && s.Ended(c.Clock.Now()) {
			continue
		}
		told := service{
			Code: s.Code, Name: s.Name, Type: s.Type, Tags: append([]string{}, s.Tags...),
			IsAY: s.IsAY, IsFree: s.IsFree, IsExit: s.IsExit, Duration: s.Duration,
		}
		if s.Duration != 0 {
			told.HasPurchasedOrder = &s.HasPurchasedOrder
		}
		if s.IsPermanent || c.readings.TellPermanent {
			told.IsPermanent = &s.IsPermanent
		}
		if !s.Start.IsZero() {
			told.StartTime = s.Start.UnixMilli()
		}
		if !s.End.IsZero() {
			told.EndTime = s.End.UnixMilli()
		}
		list = append(list, told)
	}
	return list, nil
}

// grant gives a device a service for a period: the one of that code that it
// has goes on for longer, or begins anew if it has ended, or there is a new
// one.
func (c *Cloud) grant(d *device, s Service, period Period) {
	now := millisecond(c.Clock.Now())
	last := -1 // the service of that code which lasts longest
	for i, has := range d.Services {
		if has.Code == s.Code && (last < 0 || has.End.After(d.Services[last].End)) {
			last = i
		}
	}
	s = s.clone()
	s.Start = now
	if last >= 0 {
		has := &d.Services[last]
		switch ended := has.Ended(now); {
		case has.IsPermanent:
			return // nothing to add to
		case c.readings.GrantApart:
			if !ended && !has.End.IsZero() {
				s.Start = has.End
			}
		default:
			if ended || has.Start.IsZero() {
				has.Start = now
			}
			if ended || has.End.IsZero() {
				has.End = now
			}
			has.End = period.After(has.End)
			return
		}
	}
	s.End = period.After(s.Start)
	d.Services = append(d.Services, s)
}

// Services returns what a device has, in the order in which it is listed;
// nil if there is no such device.
func (c *Cloud) Services(deviceID string) []Service {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.device(deviceID); d != nil {
		return d.snapshot().Services
	}
	return nil
}

// PutService gives a device a service, in the place of the one of that code if
// it has one: as when it is bought elsewhere. It reports whether there is such
// a device.
func (c *Cloud) PutService(deviceID string, s Service) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.device(deviceID)
	if d == nil {
		return false
	}
	s = s.clone()
	if i := slices.IndexFunc(d.Services, func(has Service) bool { return has.Code == s.Code }); i >= 0 {
		d.Services[i] = s
	} else {
		d.Services = append(d.Services, s)
	}
	return true
}
