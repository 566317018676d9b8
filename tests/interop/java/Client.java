import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Map;
import org.apache.avro.Schema;

/** As Java's serializers do: the schema as Avro's library reprints it is registered. */
public class Client {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static JsonNode call(String method, String url, Object body) throws Exception {
        var publisher = body == null ? HttpRequest.BodyPublishers.noBody()
                : HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body));
        var request = HttpRequest.newBuilder(URI.create(url))
                .header("Content-Type", "application/vnd.schemaregistry.v1+json")
                .header("Accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2")
                .method(method, publisher).build();
        var response = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200)
            throw new IllegalStateException(method + " " + url + ": " + response.body());
        return JSON.readTree(response.body());
    }

    public static void main(String[] args) throws Exception {
        for (int i = 1; i < args.length; i++) {
            Schema schema = new Schema.Parser().parse(Path.of(args[i]).toFile());
            String subject = schema.getFullName();
            int id = call("POST", args[0] + "/subjects/" + subject + "/versions?normalize=false",
                    Map.of("schema", schema.toString())).get("id").asInt();
            JsonNode back = call("GET", args[0] + "/schemas/ids/" + id + "?fetchMaxId=false&subject=", null);
            if (!new Schema.Parser().parse(back.get("schema").asText()).equals(schema))
                throw new IllegalStateException(subject + ": another schema came back");
            JsonNode found = call("POST", args[0] + "/subjects/" + subject + "?normalize=false",
                    Map.of("schema", schema.toString()));
            if (found.get("id").asInt() != id || found.get("version").asInt() != 1)
                throw new IllegalStateException(subject + ": " + found);
            System.out.println(subject + " " + id);
        }
    }
}
