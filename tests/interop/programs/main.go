// Events of orders by the official Go SDK: each is a valid CloudEvent with a schema and a sequence.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/cloudevents/sdk-go/v2/event"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var events []event.Event
	if err := json.Unmarshal(text, &events); err != nil {
		panic(err)
	}
	for _, each := range events {
		if err := each.Validate(); err != nil {
			panic(fmt.Errorf("%s: %w", each.Type(), err))
		}
		if _, text := each.Extensions()["sequence"].(string); !text || each.DataSchema() == "" {
			panic(fmt.Errorf("%s: no sequence or no schema", each.Type()))
		}
	}
	fmt.Printf("%d events\n", len(events))
}
