package testkit

import (
	"maps"
	"slices"
	"strconv"
)

// The sections of an [Introduction], by which getServiceIntroduction lists its
// modules.
const (
	SectionServiceProtocol   = "serviceProtocol"
	SectionServiceIntro      = "serviceIntro"
	SectionServiceLightSpot  = "serviceLightSpot"
	SectionServiceName       = "serviceName"
	SectionServiceConfigItem = "configItem"
)

// Introduction is how a kind of service is introduced to its buyers: modules, by
// their section. A section that is not there is told as an empty one.
type Introduction map[string][]Module

func (i Introduction) clone() Introduction {
	other := Introduction{}
	for section, modules := range i {
		other[section] = slices.Clone(modules)
		for n := range modules {
			other[section][n].Attachments = slices.Clone(modules[n].Attachments)
		}
	}
	return other
}

// Module is one module of an [Introduction].
type Module struct {
	// Title, Subtitle and Content are texts; of a serviceProtocol the content
	// is an address.
	Title, Subtitle, Content string
	// SubType is the section if it is empty; of a configItem it is "protocol"
	// or "exchange".
	SubType string
	// Color is such as "#2f9c8e", Lang such as "zh"; both may be empty.
	Color, Lang string
	// Attachments are addresses of pictures: attachment1 and so on.
	Attachments []string
	// Hidden makes display 0; it is 1 otherwise.
	Hidden bool
}

// TestIntroductions returns the introductions of a fake cloud that is told of no
// others, by categoryCode. The values of a categoryCode are not published: here
// they are those of the services.
func TestIntroductions() map[string]Introduction {
	about := func(title, subtitle string, spots ...string) Introduction {
		picture := []string{"https://images.example/picture.png"}
		intro := Introduction{
			SectionServiceProtocol: {
				{Title: "简体中文服务协议", Content: "https://mall.example/agreement?lang=zh", Lang: "zh"},
				{Title: "英语服务协议", Content: "https://mall.example/agreement?lang=en", Lang: "en"},
			},
			SectionServiceIntro:      {{Title: title, Content: subtitle, Color: "#2f9c8e", Attachments: picture}},
			SectionServiceName:       {{Title: title, Subtitle: subtitle, Attachments: append(picture, "https://images.example/name.png")}},
			SectionServiceConfigItem: {{Title: "展示服务协议", SubType: "protocol"}, {Title: "展示兑换入口", SubType: "exchange"}},
		}
		for _, spot := range spots {
			intro[SectionServiceLightSpot] = append(intro[SectionServiceLightSpot], Module{Title: spot, Attachments: picture})
		}
		return intro
	}
	return map[string]Introduction{
		ServiceVoIP:         about("微信视频通话(VoIP)", "门铃呼叫,微信接听", "门铃不漏接", "通话更便捷"),
		ServiceCloudStorage: about("7 天滚动存储", "云存储", "随时回看"),
	}
}

func (c *Cloud) getServiceIntroduction(a *asked) (any, *denial) {
	type module struct {
		Color          string            `json:"color"`
		Display        int               `json:"display"`
		Subtitle       string            `json:"subtitle"`
		AttachmentJSON map[string]string `json:"attachmentJson,omitempty"`
		SubType        string            `json:"subType"`
		ID             int               `json:"id"`
		CfgID          int               `json:"cfgId"`
		Lang           string            `json:"lang"`
		Title          string            `json:"title"`
		Type           string            `json:"type"`
		Content        string            `json:"content"`
		Seq            int               `json:"seq"`
	}
	introduction, ok := c.introductions[a.text("categoryCode")]
	if !ok {
		return c.nothing("there is no introduction of this categoryCode")
	}
	list := map[string][]module{
		SectionServiceProtocol: {}, SectionServiceIntro: {}, SectionServiceLightSpot: {}, SectionServiceName: {}, SectionServiceConfigItem: {},
	}
	id := 100
	for _, section := range slices.Sorted(maps.Keys(introduction)) {
		for seq, m := range introduction[section] {
			told := module{
				Color: m.Color, Subtitle: m.Subtitle, SubType: m.SubType, ID: id + 1, CfgID: id + 2, Lang: m.Lang,
				Title: m.Title, Type: section, Content: m.Content, Seq: seq,
			}
			id += 2
			if told.SubType == "" {
				told.SubType = section
			}
			if !m.Hidden {
				told.Display = 1
			}
			for i, address := range m.Attachments {
				if told.AttachmentJSON == nil {
					told.AttachmentJSON = map[string]string{}
				}
				told.AttachmentJSON["attachment"+strconv.Itoa(i+1)] = address
			}
			list[section] = append(list[section], told)
		}
	}
	return struct {
		ModuleList map[string][]module `json:"moduleList"`
	}{list}, nil
}
