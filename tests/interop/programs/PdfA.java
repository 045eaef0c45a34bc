import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Holds every PDF of a folder against PDF/A-3b by veraPDF. PdfA.java FOLDER */
public class PdfA {
    public static void main(String[] args) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        File[] files = new File(args[0]).listFiles((folder, name) -> name.endsWith(".pdf"));
        Arrays.sort(files);
        List<String> wrong = new ArrayList<>();
        for (File file : files) {
            try (PDFAParser parser = Foundries.defaultInstance().createParser(file)) {
                if (parser.getFlavour() != PDFAFlavour.PDFA_3_B) {
                    wrong.add(file.getName() + ": says that it is " + parser.getFlavour());
                    continue;
                }
                PDFAValidator validator = Foundries.defaultInstance().createValidator(PDFAFlavour.PDFA_3_B, false);
                ValidationResult result = validator.validate(parser);
                TreeSet<String> rules = new TreeSet<>();
                for (TestAssertion assertion : result.getTestAssertions())
                    if (assertion.getStatus() == TestAssertion.Status.FAILED)
                        rules.add(assertion.getRuleId().getClause() + ": " + assertion.getMessage());
                if (!result.isCompliant()) wrong.add(file.getName() + ": " + rules);
            }
        }
        if (files.length < 20 || !wrong.isEmpty()) {
            wrong.forEach(System.err::println);
            System.err.println(wrong.size() + " of " + files.length + " are not PDF/A-3b");
            System.exit(1);
        }
        System.out.println(files.length + " files are PDF/A-3b");
    }
}
