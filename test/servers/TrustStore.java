import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;

/** Writes the certificates of a PEM file into a file that Java can trust. */
class TrustStore {
    public static void main(String[] arguments) throws Exception {
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        var number = 0;
        try (var pem = new FileInputStream(arguments[0])) {
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                store.setCertificateEntry("certificate " + number++, certificate);
            }
        }
        try (var file = new FileOutputStream(arguments[1])) {
            store.store(file, "changeit".toCharArray());
        }
    }
}
