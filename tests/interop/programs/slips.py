"""Reads slips as a scanner does: each page is rendered by PDFium, and its bar codes are read by ZXing.

slips.py FOLDER: its PDF files, and codes.json with what the bar code of each says.
"""

import json
import pathlib
import sys

import pypdfium2
import zxingcpp

folder = pathlib.Path(sys.argv[1])
codes = json.loads((folder / "codes.json").read_text())
wrong = []
for name, code in sorted(codes.items()):
    document = pypdfium2.PdfDocument(folder / name)
    # 150 dots per inch, as a cheap office printer.
    image = document[0].render(scale=150 / 72).to_pil()
    read = [(one.text, one.format.name) for one in zxingcpp.read_barcodes(image)]
    if read != [(code, "Code128")]:
        wrong.append(f"{name}: {read} instead of {code}")
    text = "".join(page.get_textpage().get_text_range() for page in document)
    if any(currency in text for currency in ("EUR", "€", "USD", "$")):
        wrong.append(f"{name}: has a price")
if wrong or len(codes) < 16:
    sys.exit("\n".join(wrong) or f"only {len(codes)} slips")
print(f"{len(codes)} slips, each with the bar code of its order or return")
