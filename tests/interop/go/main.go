// franz-go's sr: registers every contract, then reads each back.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/twmb/franz-go/pkg/sr"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	ctx := context.Background()
	client, err := sr.NewClient(sr.URLs(os.Args[1]))
	must(err)
	for _, file := range os.Args[2:] {
		text, err := os.ReadFile(file)
		must(err)
		var head struct{ Namespace, Name string }
		must(json.Unmarshal(text, &head))
		subject := head.Namespace + "." + head.Name
		schema := sr.Schema{Schema: string(text), Type: sr.TypeAvro}
		made, err := client.CreateSchema(ctx, subject, schema)
		must(err)
		found, err := client.LookupSchema(ctx, subject, schema)
		must(err)
		byID, err := client.SchemaByID(ctx, made.ID)
		must(err)
		if found.ID != made.ID || found.Version != 1 || byID.Schema != string(text) {
			log.Fatalf("%s: %+v, %+v", subject, made, found)
		}
		fmt.Println(subject, made.ID)
	}
	for _, level := range client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, "go-value") {
		must(level.Err)
	}
	if _, err := client.CreateSchema(ctx, "go-value", sr.Schema{Schema: `"string"`}); err != nil {
		log.Fatal(err)
	}
	if _, err := client.CreateSchema(ctx, "go-value", sr.Schema{Schema: `"int"`}); err == nil {
		log.Fatal("an incompatible schema was accepted")
	}
}
