package mall

// The enumerations are open: a value that is not listed here is kept, written
// back as it came, and no error.

// TargetURLType says what kind of address a commodity's URL is (targetUrlType).
type TargetURLType int64

// The known kinds of address.
const (
	TargetH5          TargetURLType = 0
	TargetMiniProgram TargetURLType = 1
)

// CommodityType is what kind of service a commodity, or a service on a device,
// is (type).
type CommodityType int64

// The known kinds of service.
const (
	CommodityCloudStorage CommodityType = 0
	CommodityVoIP         CommodityType = 1
	CommodityAI           CommodityType = 2
)

// PeriodUnit is the unit of a period (periodUnit). There is no 0.
type PeriodUnit int64

// The known units.
const (
	PeriodYear  PeriodUnit = 1
	PeriodMonth PeriodUnit = 2
	PeriodDay   PeriodUnit = 3
	PeriodWeek  PeriodUnit = 4
)

// PeriodType says whether a price is paid once or again and again
// (periodType).
type PeriodType int64

// The known types of period.
const (
	PeriodNormal    PeriodType = 0
	PeriodSubscribe PeriodType = 1
)

// OptionType is how a price is paid (optionType). The page lists no values:
// these are those of a sibling package of Tuya's with the same field.
type OptionType int64

// The values that the sibling package names.
const (
	OptionNormal       OptionType = 0
	OptionSubscription OptionType = 2
)

// ServiceTag is a mark on a service (tags).
type ServiceTag string

// The known tags.
const (
	TagFreeTrial        ServiceTag = "freeTrial"
	TagAutomaticRenewal ServiceTag = "automaticRenewal"
)

// BindingObjectType is what a commodity of the OpenAPI is bound to
// (bindingObjectType). Its own page lists no values: these are those of a
// sibling package of Tuya's with the same field.
type BindingObjectType int64

// The values that the sibling package names.
const (
	BindingPID         BindingObjectType = 0
	BindingMiniProgram BindingObjectType = 1
	BindingApp         BindingObjectType = 2
)

// AuthTag is the state of a user's consent to VoIP calls in WeChat (auth_tag).
// The page lost its list: these are WeChat's own values for the same thing.
type AuthTag int64

// The two states, as WeChat numbers them.
const (
	AuthDenied  AuthTag = 0
	AuthGranted AuthTag = 1
)

// AuthTagOf returns [AuthGranted] or [AuthDenied].
func AuthTagOf(granted bool) AuthTag {
	if granted {
		return AuthGranted
	}
	return AuthDenied
}

const (
	// CapabilityVoIP is the capability code of VoIP calls, for
	// [Client.GetDeviceCapability].
	CapabilityVoIP = "tyabiwxrn9"
	// CatalogCloudStorage is the catalog_code of cloud storage, the only one
	// that is published.
	CatalogCloudStorage = "CLOUD_STORAGE"
)
