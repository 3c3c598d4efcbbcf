// Scenarios of the official Go SDK against a server: `scenario CONNECTION_STRING HUB`. Prints what it saw as one line of
// JSON; the test beside this file compares.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

var once = azeventhubs.RetryOptions{MaxRetries: -1}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

type place struct{ connection, hub string }

func (p place) producer() *azeventhubs.ProducerClient {
	options := &azeventhubs.ProducerClientOptions{RetryOptions: once}
	return must(azeventhubs.NewProducerClientFromConnectionString(p.connection, p.hub, options))
}

func (p place) consumer(group string) *azeventhubs.ConsumerClient {
	options := &azeventhubs.ConsumerClientOptions{RetryOptions: once}
	return must(azeventhubs.NewConsumerClientFromConnectionString(p.connection, p.hub, group, options))
}

// The first events of a partition from a position on, and the error that ended them.
func (p place) read(ctx context.Context, partition string, position azeventhubs.StartPosition, count int) ([]*azeventhubs.ReceivedEventData, error) {
	consumer := p.consumer(azeventhubs.DefaultConsumerGroup)
	defer consumer.Close(ctx)
	client, err := consumer.NewPartitionClient(partition, &azeventhubs.PartitionClientOptions{StartPosition: position})
	if err != nil {
		return nil, err
	}
	defer client.Close(ctx)
	var events []*azeventhubs.ReceivedEventData
	for len(events) < count {
		more, err := client.ReceiveEvents(ctx, count-len(events), nil)
		if err != nil {
			return events, err
		}
		events = append(events, more...)
	}
	return events, nil
}

func sequences(events []*azeventhubs.ReceivedEventData) []int64 {
	var numbers []int64
	for _, event := range events {
		numbers = append(numbers, event.SequenceNumber)
	}
	return numbers
}

func roundTrip(ctx context.Context, p place) map[string]any {
	producer := p.producer()
	defer producer.Close(ctx)
	hub := must(producer.GetEventHubProperties(ctx, nil))
	empty := must(producer.GetPartitionProperties(ctx, "1", nil))
	batch := must(producer.NewEventDataBatch(ctx, &azeventhubs.EventDataBatchOptions{PartitionID: to.Ptr("1")}))
	for number := range 50 {
		event := &azeventhubs.EventData{
			Body:          []byte(fmt.Sprintf("event %d", number)),
			ContentType:   to.Ptr("text/plain"),
			CorrelationID: "c",
			MessageID:     to.Ptr(fmt.Sprint(number)),
			Properties:    map[string]any{"number": int64(number), "text": "grüße"},
		}
		must(0, batch.AddEventData(event, nil))
	}
	must(0, producer.SendEventDataBatch(ctx, batch, nil))
	large := must(producer.NewEventDataBatch(ctx, &azeventhubs.EventDataBatchOptions{PartitionID: to.Ptr("1")}))
	must(0, large.AddEventData(&azeventhubs.EventData{Body: bytes.Repeat([]byte("x"), 900_000)}, nil))
	must(0, producer.SendEventDataBatch(ctx, large, nil))
	keyed := must(producer.NewEventDataBatch(ctx, &azeventhubs.EventDataBatchOptions{PartitionKey: to.Ptr("alphabet")}))
	must(0, keyed.AddEventData(&azeventhubs.EventData{Body: []byte("keyed")}, nil))
	must(0, producer.SendEventDataBatch(ctx, keyed, nil))

	all := must(p.read(ctx, "1", azeventhubs.StartPosition{Earliest: to.Ptr(true)}, 51))
	after := must(p.read(ctx, "1", azeventhubs.StartPosition{Offset: &all[19].Offset}, 2))
	inclusive := must(p.read(ctx, "1", azeventhubs.StartPosition{SequenceNumber: &all[19].SequenceNumber, Inclusive: true}, 2))
	early := all[0].EnqueuedTime.Add(-time.Second)
	timed := must(p.read(ctx, "1", azeventhubs.StartPosition{EnqueuedTime: &early}, 1))
	key := must(p.read(ctx, "0", azeventhubs.StartPosition{Earliest: to.Ptr(true)}, 1))[0]
	filled := must(producer.GetPartitionProperties(ctx, "1", nil))
	return map[string]any{
		"hub":        hub.Name,
		"partitions": hub.PartitionIDs,
		"empty":      []any{empty.IsEmpty, empty.LastEnqueuedSequenceNumber, empty.LastEnqueuedOffset},
		"filled":     []any{filled.IsEmpty, filled.LastEnqueuedSequenceNumber, filled.LastEnqueuedOffset == all[50].Offset},
		"sequences":  sequences(all),
		"seventh":    string(all[7].Body),
		"properties": all[7].Properties,
		"large":      len(all[50].Body),
		"after":      sequences(after),
		"inclusive":  sequences(inclusive),
		"timed":      sequences(timed),
		"keyed":      []any{string(key.Body), key.PartitionKey},
	}
}

func refused(ctx context.Context, p place) map[string]any {
	seen := map[string]any{}
	note := func(name string, err error) {
		var known *azeventhubs.Error
		code := ""
		if errors.As(err, &known) {
			code = string(known.Code)
		}
		seen[name] = []any{code, fmt.Sprint(err)}
	}
	send := func(hub string, options *azeventhubs.EventDataBatchOptions) error {
		producer := place{p.connection, hub}.producer()
		defer producer.Close(ctx)
		_, err := producer.NewEventDataBatch(ctx, options)
		return err
	}
	note("hub", send("nobody", nil))
	note("partition", send(p.hub, &azeventhubs.EventDataBatchOptions{PartitionID: to.Ptr("77")}))
	_, err := place{p.connection, "nobody"}.producer().GetEventHubProperties(ctx, nil)
	note("properties", err)
	_, err = p.read(ctx, "0", azeventhubs.StartPosition{SequenceNumber: to.Ptr(int64(4711))}, 1)
	note("position", err)
	return seen
}

func stolen(ctx context.Context, p place) map[string]any {
	open := func(level int64) (*azeventhubs.ConsumerClient, *azeventhubs.PartitionClient) {
		consumer := p.consumer(azeventhubs.DefaultConsumerGroup)
		options := &azeventhubs.PartitionClientOptions{
			OwnerLevel:    &level,
			StartPosition: azeventhubs.StartPosition{Earliest: to.Ptr(true)},
		}
		return consumer, must(consumer.NewPartitionClient("0", options))
	}
	send := p.producer()
	defer send.Close(ctx)
	batch := must(send.NewEventDataBatch(ctx, &azeventhubs.EventDataBatchOptions{PartitionID: to.Ptr("0")}))
	must(0, batch.AddEventData(&azeventhubs.EventData{Body: []byte("x")}, nil))
	must(0, send.SendEventDataBatch(ctx, batch, nil))

	consumer, first := open(0)
	defer consumer.Close(ctx)
	must(first.ReceiveEvents(ctx, 1, nil))
	other, second := open(0)
	defer other.Close(ctx)
	must(second.ReceiveEvents(ctx, 1, nil))
	// What had come before may still be handed out.
	var err error
	for err == nil {
		_, err = first.ReceiveEvents(ctx, 1, nil)
	}
	var known *azeventhubs.Error
	code := ""
	if errors.As(err, &known) {
		code = string(known.Code)
	}
	return map[string]any{"code": code, "text": fmt.Sprint(err)}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	scenarios := map[string]func(context.Context, place) map[string]any{
		"roundTrip": roundTrip,
		"refused":   refused,
		"stolen":    stolen,
	}
	result := scenarios[os.Args[1]](ctx, place{os.Args[2], os.Args[3]})
	must(0, json.NewEncoder(os.Stdout).Encode(result))
}
