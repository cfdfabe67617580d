// Command hunt runs every simulation and prints what it found, as JSON. It is
// built once for each planted bug, with that bug in it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/imprest-go/imprest/testkit/simulate"
	"github.com/imprest-go/imprest/testkit/simulate/internal/planted"
)

func main() {
	found, err := planted.Hunt(context.Background(), func(c simulate.Config) simulate.Config { return c })
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
