package mall

import (
	"context"
	"encoding/json"
)

// The names of a [ModuleList]'s sections, which are also the types of their
// modules (type).
const (
	ModuleServiceProtocol  = "serviceProtocol"
	ModuleServiceIntro     = "serviceIntro"
	ModuleServiceLightSpot = "serviceLightSpot"
	ModuleServiceName      = "serviceName"
	ModuleConfigItem       = "configItem"
)

// The subTypes of config items in the example. Those of the other modules
// repeat their type.
const (
	// ConfigProtocol: show the service's agreement.
	ConfigProtocol = "protocol"
	// ConfigExchange: show the entry for exchange codes.
	ConfigExchange = "exchange"
)

// ServiceIntroduction is what a shop says of a service. seeds: 003,
// "getServiceIntroduction".
type ServiceIntroduction struct {
	ModuleList ModuleList `json:"moduleList"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an introduction.
func (i *ServiceIntroduction) UnmarshalJSON(data []byte) error {
	return readObject(data, i, &i.Extra, &i.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (i ServiceIntroduction) MarshalJSON() ([]byte, error) { return writeObject(i, i.Extra, i.kept) }

// ModuleList is an introduction in its sections. seeds: 003, "ModuleList".
type ModuleList struct {
	// ServiceProtocol has the agreements, one per language: their Content is
	// an address.
	ServiceProtocol  []Module `json:"serviceProtocol"`
	ServiceIntro     []Module `json:"serviceIntro"`
	ServiceLightSpot []Module `json:"serviceLightSpot"`
	ServiceName      []Module `json:"serviceName"`
	// ConfigItem says what else to show: see [ConfigProtocol] and
	// [ConfigExchange].
	ConfigItem []Module `json:"configItem"`
	// Extra holds the members that have no field here: sections that the
	// page does not list among them.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a module list.
func (l *ModuleList) UnmarshalJSON(data []byte) error { return readObject(data, l, &l.Extra, &l.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (l ModuleList) MarshalJSON() ([]byte, error) { return writeObject(l, l.Extra, l.kept) }

// Module is one entry of a section. The page has a type for each section, and
// they are the same but for AttachmentJSON. seeds: 003, "ServiceProtocol",
// "ServiceIntro", "ServiceLightSpot", "ServiceName", "ConfigItem".
type Module struct {
	ID    int64 `json:"id"`
	CfgID int64 `json:"cfgId"`
	// Type is the name of the section, [ModuleServiceIntro] and its like;
	// SubType repeats it, but for config items.
	Type    string `json:"type"`
	SubType string `json:"subType"`
	// Lang is the language: "zh", "en", or "" for any.
	Lang     string `json:"lang"`
	Title    string `json:"title"`
	Subtitle string `json:"subtitle"`
	Content  string `json:"content"`
	// Color is "#2f9c8e" or its like, or "" for none.
	Color string `json:"color"`
	// Display has no published values; it is 1 in every example.
	Display int64 `json:"display"`
	// Seq is the place among its neighbours.
	Seq int64 `json:"seq"`
	// AttachmentJSON is nil for none. Agreements and config items have none.
	AttachmentJSON *Attachments `json:"attachmentJson,omitzero"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a module.
func (m *Module) UnmarshalJSON(data []byte) error { return readObject(data, m, &m.Extra, &m.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (m Module) MarshalJSON() ([]byte, error) { return writeObject(m, m.Extra, m.kept) }

// Attachments are the pictures of a [Module]. seeds: 003, "attachmentJson".
type Attachments struct {
	// Attachment1 and Attachment2 are addresses; "" for none.
	Attachment1 string `json:"attachment1,omitzero"`
	Attachment2 string `json:"attachment2,omitzero"`
	// Extra holds the members that have no field here: an attachment3 would
	// be there.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of attachments.
func (a *Attachments) UnmarshalJSON(data []byte) error {
	return readObject(data, a, &a.Extra, &a.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (a Attachments) MarshalJSON() ([]byte, error) { return writeObject(a, a.Extra, a.kept) }

type categoryParams struct {
	CategoryCode string `json:"categoryCode" validate:"required,id"`
}

func (p categoryParams) subject() string { return p.CategoryCode }

// GetServiceIntroduction returns what a shop says of a service. categoryCode is
// the "service code": its values are not published, and the page's own example
// sends none, but its table requires one. [ErrNoIntroduction] if there is none.
// seeds: 003, "getServiceIntroduction".
func (c *Client) GetServiceIntroduction(ctx context.Context, caller Caller, categoryCode string) (ServiceIntroduction, error) {
	return read[ServiceIntroduction](ctx, c, caller, OpGetServiceIntroduction, categoryParams{categoryCode}, ErrNoIntroduction)
}
