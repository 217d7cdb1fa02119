// A plugin in Go with the standard library only: a command, and a hook that can veto.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// The prefix of the host's variables: its name in capitals.
const host = "PINTLE_"

const info = `
version: 1.0.0
description: Greets, and keeps names of clusters short
events: [pre-cluster-create]
commands:
  - command: gopher greet
    about: Greet somebody
    args: [{ name: name, kind: positional, default: gopher }]
`

func main() {
	var err error
	switch {
	case os.Getenv(host+"COMMAND") == "INFO":
		fmt.Print(info)
	case os.Getenv(host+"EVENT") != "":
		err = hook()
	default:
		err = command()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func hook() error {
	var event struct {
		Cluster struct{ Name string }
	}
	if err := json.NewDecoder(os.Stdin).Decode(&event); err != nil {
		return err
	}
	if len(event.Cluster.Name) > 20 {
		return reply(map[string]any{"veto": "the name is longer than 20 characters"})
	}
	return nil
}

func command() error {
	text, err := os.ReadFile(os.Getenv(host + "REQUEST"))
	if err != nil {
		return err
	}
	var request struct{ Args struct{ Name string } }
	if err := json.Unmarshal(text, &request); err != nil {
		return err
	}
	if name := request.Args.Name; strings.TrimSpace(name) != "" {
		fmt.Printf("hello, %s\n", name)
		return nil
	}
	error := map[string]any{"message": "the name must not be empty", "hint": "give a name", "kind": "usage"}
	if err := reply(map[string]any{"error": error}); err != nil {
		return err
	}
	os.Exit(2)
	return nil
}

func reply(fields map[string]any) error {
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return os.WriteFile(os.Getenv(host+"REPLY"), text, 0o600)
}
