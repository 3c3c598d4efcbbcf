// An application as people write it: the Java SDK's EventProcessorClient with its blob checkpoint store. What it does goes to
// standard output, one JSON object a line. It ends when it is killed, or, properly, when its standard input does.

import com.azure.messaging.eventhubs.EventProcessorClient;
import com.azure.messaging.eventhubs.EventProcessorClientBuilder;
import com.azure.messaging.eventhubs.LoadBalancingStrategy;
import com.azure.messaging.eventhubs.checkpointstore.blob.BlobCheckpointStore;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.storage.blob.BlobContainerAsyncClient;
import com.azure.storage.blob.BlobContainerClientBuilder;
import java.time.Duration;

public final class Processor {
    public static void main(String[] argv) throws Exception {
        BlobContainerAsyncClient container = new BlobContainerClientBuilder()
            .connectionString(env("BLOB_STRING"))
            .containerName(env("CONTAINER"))
            .buildAsyncClient();
        container.createIfNotExists().block();
        EventProcessorClient processor = new EventProcessorClientBuilder()
            .connectionString(env("HUB_STRING"), env("HUB"))
            .consumerGroup(env("GROUP"))
            .checkpointStore(new BlobCheckpointStore(container))
            .loadBalancingStrategy(LoadBalancingStrategy.valueOf(env("STRATEGY").toUpperCase()))
            .loadBalancingUpdateInterval(milliseconds("INTERVAL_MS"))
            .partitionOwnershipExpirationInterval(milliseconds("EXPIRY_MS"))
            .initialPartitionEventPosition(partition -> EventPosition.earliest())
            .processPartitionInitialization(context ->
                say("begin", context.getPartitionContext().getPartitionId(), ""))
            .processPartitionClose(context ->
                say("end", context.getPartitionContext().getPartitionId(), ""))
            .processEvent(context -> {
                context.updateCheckpoint();
                String sequence = ",\"sequence\":" + context.getEventData().getSequenceNumber();
                say("event", context.getPartitionContext().getPartitionId(), sequence);
            })
            .processError(context -> System.err.println(context.getThrowable()))
            .buildEventProcessorClient();
        processor.start();
        while (System.in.read() >= 0) {
            // Nothing is asked; the end is.
        }
        processor.stop();
        System.exit(0);
    }

    private static synchronized void say(String did, String partition, String more) {
        System.out.println("{\"did\":\"" + did + "\",\"partition\":\"" + partition + "\"" + more + "}");
        System.out.flush();
    }

    private static String env(String name) {
        return System.getenv(name);
    }

    private static Duration milliseconds(String name) {
        return Duration.ofMillis(Long.parseLong(env(name)));
    }
}
