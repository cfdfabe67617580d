package dynamostore

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/imprest-go/imprest/core/journal"
)

// attrPacked has the body, deflated (RFC 1951), in the place of attrBody.
const attrPacked = "packed"

// A write is paid by the KiB, and so is what the index holds of the item: an item
// of 1025 bytes costs twice what one of 1024 does, and a purchase with a remark or
// some data of its offer is about as large. So a body is packed where, and only
// where, that saves a unit: JSON becomes half of itself.

// unit is how many bytes of an item one write unit pays for.
const unit = 1 << 10

func units(size int) int { return max(1, (size+unit-1)/unit) }

// size is what an item weighs, as DynamoDB counts it, or a little more.
func size(it map[string]types.AttributeValue) int {
	n := 0
	for name, value := range it {
		n += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			n += len(v.Value)
		case *types.AttributeValueMemberB:
			n += len(v.Value)
		case *types.AttributeValueMemberN:
			n += (len(v.Value)+1)/2 + 1
		}
	}
	return n
}

// packer deflates, by machines that it keeps, since one weighs a megabyte. The zero
// value is ready.
type packer struct{ idle sync.Pool }

// pack packs the body of an item if that saves a write unit.
func (p *packer) pack(it map[string]types.AttributeValue) {
	body, ok := it[attrBody].(*types.AttributeValueMemberB)
	before := size(it)
	if !ok || units(before) == 1 {
		return
	}
	packed := p.deflate(body.Value)
	if units(before-len(attrBody)-len(body.Value)+len(attrPacked)+len(packed)) < units(before) {
		delete(it, attrBody)
		it[attrPacked] = &types.AttributeValueMemberB{Value: packed}
	}
}

func (p *packer) deflate(body []byte) []byte {
	out := bytes.NewBuffer(make([]byte, 0, len(body)/2))
	w, ok := p.idle.Get().(*flate.Writer)
	if ok {
		w.Reset(out)
	} else {
		w, _ = flate.NewWriter(out, flate.BestSpeed) // an error is one of the level
	}
	defer p.idle.Put(w)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// unpack is the body that pack packed. What is larger than any body, or no such
// text, is nothing that a store wrote.
func unpack(packed []byte) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(packed))
	defer r.Close()
	body, err := io.ReadAll(io.LimitReader(r, journal.MaxBody+1))
	if err != nil || len(body) > journal.MaxBody {
		return nil, errDamaged
	}
	return body, nil
}
