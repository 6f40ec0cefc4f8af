import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.TableDescriptor;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

/**
 * Runs scripts on Flink in one JVM. A line of input is "time FILE" or "count FILE"; the last statement of the file is a
 * query. time: it goes into a blackhole, the reply is the milliseconds the job ran. count: the reply is how many rows are
 * left when what was taken back is gone.
 */
public class Statements {
    static TableEnvironment environment() {
        Configuration c = new Configuration();
        c.setString("parallelism.default", "1");
        c.setString("pipeline.object-reuse", "true");
        c.setString("table.exec.mini-batch.enabled", "true");
        c.setString("table.exec.mini-batch.allow-latency", "2s");
        c.setString("table.exec.mini-batch.size", "50000");
        c.setString("table.optimizer.distinct-agg.split.enabled", "false");
        c.setString("table.local-time-zone", "UTC");
        c.setString("taskmanager.memory.managed.size", "1gb");
        return TableEnvironment.create(EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(c).build());
    }

    static long time(TableEnvironment env, Table query) throws Exception {
        Schema schema = Schema.newBuilder().fromRowDataType(query.getResolvedSchema().toPhysicalRowDataType()).build();
        env.createTemporaryTable("result", TableDescriptor.forConnector("blackhole").schema(schema).build());
        TableResult result = query.executeInsert("result");
        return result.getJobClient().get().getJobExecutionResult().get().getNetRuntime();
    }

    static long count(Table query) throws Exception {
        Map<String, Long> rows = new HashMap<>();
        try (CloseableIterator<Row> all = query.execute().collect()) {
            while (all.hasNext()) {
                Row row = all.next();
                RowKind kind = row.getKind();
                row.setKind(RowKind.INSERT);
                long change = kind == RowKind.INSERT || kind == RowKind.UPDATE_AFTER ? 1 : -1;
                rows.merge(row.toString(), change, Long::sum);
            }
        }
        return rows.values().stream().mapToLong(Long::longValue).sum();
    }

    static long run(String command, String file) throws Exception {
        TableEnvironment env = environment();
        String[] statements = Files.readString(Path.of(file)).split(";\\s*\n");
        for (int i = 0; i + 1 < statements.length; i++) env.executeSql(statements[i]);
        Table query = env.sqlQuery(statements[statements.length - 1]);
        return command.equals("time") ? time(env, query) : count(query);
    }

    public static void main(String[] args) throws Exception {
        Scanner in = new Scanner(System.in);
        while (in.hasNextLine()) {
            String[] words = in.nextLine().split(" ", 2);
            String reply;
            try {
                reply = "ok " + run(words[0], words[1]);
            } catch (Throwable failed) {
                Throwable cause = failed;
                while (cause.getCause() != null) cause = cause.getCause();
                reply = "failed " + String.valueOf(cause).replace('\n', ' ');
            }
            System.out.println(reply);
            System.out.flush();
        }
    }
}
