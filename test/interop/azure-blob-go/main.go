// An application as people write it: the Go SDK's processor with its blob checkpoint store. What it does goes to standard output,
// one JSON object a line. It ends when it is killed, or, properly, when its standard input does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2/checkpoints"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

var output sync.Mutex

func say(line map[string]any) {
	output.Lock()
	defer output.Unlock()
	must(0, json.NewEncoder(os.Stdout).Encode(line))
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func milliseconds(name string) time.Duration {
	return time.Duration(must(strconv.Atoi(os.Getenv(name)))) * time.Millisecond
}

func handle(ctx context.Context, client *azeventhubs.ProcessorPartitionClient) {
	partition := client.PartitionID()
	defer say(map[string]any{"did": "end", "partition": partition})
	defer client.Close(context.Background())
	say(map[string]any{"did": "begin", "partition": partition})
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, time.Second)
		events, err := client.ReceiveEvents(within, 1, nil)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			say(map[string]any{"did": "error", "message": err.Error()})
			return
		}
		for _, event := range events {
			if err := client.UpdateCheckpoint(ctx, event, nil); err != nil {
				say(map[string]any{"did": "error", "message": err.Error()})
				return
			}
			say(map[string]any{"did": "event", "partition": partition, "sequence": event.SequenceNumber})
		}
	}
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	blobs := must(container.NewClientFromConnectionString(os.Getenv("BLOB_STRING"), os.Getenv("CONTAINER"), nil))
	if _, err := blobs.Create(ctx, nil); err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		must(0, err)
	}
	store := must(checkpoints.NewBlobStore(blobs, nil))
	consumer := must(azeventhubs.NewConsumerClientFromConnectionString(
		os.Getenv("HUB_STRING"), os.Getenv("HUB"), os.Getenv("GROUP"), nil))
	processor := must(azeventhubs.NewProcessor(consumer, store, &azeventhubs.ProcessorOptions{
		LoadBalancingStrategy:       azeventhubs.ProcessorStrategy(os.Getenv("STRATEGY")),
		UpdateInterval:              milliseconds("INTERVAL_MS"),
		PartitionExpirationDuration: milliseconds("EXPIRY_MS"),
		StartPositions:              azeventhubs.StartPositions{Default: azeventhubs.StartPosition{Earliest: to.Ptr(true)}},
	}))
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	var handling sync.WaitGroup
	go func() {
		for client := processor.NextPartitionClient(ctx); client != nil; client = processor.NextPartitionClient(ctx) {
			handling.Add(1)
			go func() {
				defer handling.Done()
				handle(ctx, client)
			}()
		}
	}()
	if err := processor.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		must(0, err)
	}
	handling.Wait()
	must(0, consumer.Close(context.Background()))
}
