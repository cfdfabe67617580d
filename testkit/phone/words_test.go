package phone

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWordsAreComplete(t *testing.T) {
	for _, w := range []words{english(), chinese()} {
		v := reflect.ValueOf(w)
		for i := range v.NumField() {
			assert.NotEmpty(t, v.Field(i).String(), "%s: %s", w.Lang, v.Type().Field(i).Name)
		}
	}
}

func TestFaces(t *testing.T) {
	for nickname, want := range map[string]string{"小明": "明", "ann": "A", "Émile": "É", "": "?", "王 Wang": "王"} {
		assert.Equal(t, want, face(nickname), nickname)
	}
}
