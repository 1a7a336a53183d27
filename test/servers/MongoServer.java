import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** An independent server for MongoDB's wire protocol, for machines that have Java but no mongod. */
class Launcher {
    public static void main(String[] arguments) {
        // Driver 7 talks to nothing below wire version 9, and the versions that the library knows end at 8.
        var version = new MongoVersion() {
            public List<Integer> getVersionArray() { return List.of(5, 0, 0); }
            public int getWireVersion() { return 13; }
        };
        var server = new MongoServer(new MemoryBackend().version(version));
        server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        System.out.println("listening");
    }
}
