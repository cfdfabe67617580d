package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v3"
)

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Action: func(_ context.Context, cmd *cli.Command) error {
			if err := noArguments(cmd); err != nil {
				return err
			}
			cli.ShowVersion(cmd.Root())
			return nil
		},
	}
}

// version returns what the build knows of itself.
func version() string {
	number, details := "(devel)", runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			number = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				details += fmt.Sprintf(", revision %.12s", setting.Value)
			}
		}
	}
	return number + " (" + details + ")"
}
