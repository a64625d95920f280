// Reads a Jaeger query API as Jaeger's own clients do: version 1 into Jaeger's own JSON types, where a
// field that they do not have is an error, and version 3 by the Collector's reader of OTLP JSON. Says
// what it read in one line of JSON.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	ui "github.com/jaegertracing/jaeger/model/json"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

type envelope[T any] struct {
	Data   T   `json:"data"`
	Total  int `json:"total"`
	Limit  int `json:"limit"`
	Offset int `json:"offset"`
	Errors []struct {
		Code    int        `json:"code"`
		Msg     string     `json:"msg"`
		TraceID ui.TraceID `json:"traceID"`
	} `json:"errors"`
}

func get(path string) []byte {
	response, err := http.Get(os.Args[1] + path)
	check(err, path)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(err, path)
	if response.StatusCode != http.StatusOK {
		check(fmt.Errorf("%s: %s", response.Status, body), path)
	}
	return body
}

func check(err error, path string) {
	if err != nil {
		fmt.Fprintln(os.Stderr, path, err)
		os.Exit(1)
	}
}

func read[T any](path string) T {
	decoder := json.NewDecoder(bytes.NewReader(get(path)))
	decoder.DisallowUnknownFields()
	var answer envelope[T]
	check(decoder.Decode(&answer), path)
	if len(answer.Errors) > 0 {
		check(fmt.Errorf("%s", answer.Errors[0].Msg), path)
	}
	return answer.Data
}

func main() {
	services := read[[]string]("/api/services")
	operations, spans, tags, spansOfVersion3 := 0, 0, 0, 0
	for _, service := range services {
		name := url.QueryEscape(service)
		operations += len(read[[]ui.Operation]("/api/operations?service=" + name))
		for _, trace := range read[[]ui.Trace]("/api/traces?limit=100&service=" + name) {
			for _, span := range trace.Spans {
				if _, known := trace.Processes[span.ProcessID]; !known {
					check(fmt.Errorf("no process %s", span.ProcessID), service)
				}
				spans, tags = spans+1, tags+len(span.Tags)
			}
		}
		path := "/api/v3/traces?query.startTimeMin=2020-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z&query.serviceName=" + name
		var answer struct{ Result json.RawMessage }
		check(json.Unmarshal(get(path), &answer), path)
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(answer.Result)
		check(err, path)
		spansOfVersion3 += traces.SpanCount()
	}
	calls := uint64(0)
	for _, link := range read[[]ui.DependencyLink]("/api/dependencies?lookback=86400000") {
		calls += link.CallCount
	}
	said, err := json.Marshal(map[string]any{
		"services": services, "operations": operations, "spans": spans, "tags": tags, "calls": calls,
		"spans_of_version_3": spansOfVersion3,
	})
	check(err, "")
	fmt.Println(string(said))
}
