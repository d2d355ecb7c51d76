"""The one list of media types the gateway speaks of, and what belongs together. Values only.

The inspector reports names of this list; the checks judge them. Nothing here looks at bytes.
"""

from __future__ import annotations

from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"
EMPTY = "application/x-empty"
PDF = "application/pdf"
RTF = "application/rtf"
TEXT = "text/plain"
CSV = "text/csv"
HTML = "text/html"
XML = "application/xml"
JSON = "application/json"
EML = "message/rfc822"
CMS = "application/pkcs7-mime"
CMS_DETACHED = "application/pkcs7-signature"
ASIC_E = "application/vnd.etsi.asic-e+zip"
ASIC_S = "application/vnd.etsi.asic-s+zip"
ZIP = "application/zip"
TAR = "application/x-tar"
GZIP = "application/gzip"
SEVEN_ZIP = "application/x-7z-compressed"
RAR = "application/vnd.rar"
CAB = "application/vnd.ms-cab-compressed"
OLE = "application/x-ole-storage"
DOC = "application/msword"
XLS = "application/vnd.ms-excel"
PPT = "application/vnd.ms-powerpoint"
MSG = "application/vnd.ms-outlook"
MSI = "application/x-msi"
EXE = "application/x-dosexec"
ELF = "application/x-executable"
_OOXML = "application/vnd.openxmlformats-officedocument."
DOCX = _OOXML + "wordprocessingml.document"
XLSX = _OOXML + "spreadsheetml.sheet"
PPTX = _OOXML + "presentationml.presentation"
DOCM = "application/vnd.ms-word.document.macroenabled.12"
XLSM = "application/vnd.ms-excel.sheet.macroenabled.12"
PPTM = "application/vnd.ms-powerpoint.presentation.macroenabled.12"
_ODF = "application/vnd.oasis.opendocument."
ODT = _ODF + "text"
ODS = _ODF + "spreadsheet"
ODP = _ODF + "presentation"

ARCHIVES = frozenset({ZIP, TAR, GZIP, SEVEN_ZIP, RAR, CAB})
"""Files that only carry other files: one policy switch rules them all (AVM-07)."""

MACRO_ENABLED = frozenset({DOCM, XLSM, PPTM})
"""Office documents that hold a macro project, whatever they are named (AVM-03)."""

EXECUTABLES = frozenset(
    {
        EXE,
        ELF,
        MSI,
        "application/x-mach-binary",
        "application/java-archive",
        "application/x-java-applet",
        "application/vnd.android.package-archive",
        "application/x-ms-shortcut",
        "application/hta",
        "application/x-shockwave-flash",
        "application/vnd.ms-htmlhelp",
        "text/vbscript",
        "text/javascript",
        "text/x-msdos-batch",
        "text/x-powershell",
        "text/x-shellscript",
        "text/x-python",
        "text/x-ms-regedit",
        "text/x-setup-information",
    }
)
"""Programs, scripts and files that change a machine's settings (AVM-07): never admitted."""

KNOWN = (
    ARCHIVES
    | MACRO_ENABLED
    | EXECUTABLES
    | {PDF, RTF, TEXT, CSV, HTML, XML, JSON, EML, CMS, CMS_DETACHED, ASIC_E, ASIC_S, OLE, DOC}
    | {XLS, PPT, MSG, DOCX, XLSX, PPTX, ODT, ODS, ODP, EMPTY, UNKNOWN}
    | {
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/gif",
        "image/bmp",
        "image/webp",
        "image/svg+xml",
        "image/heic",
        "image/vnd.dwg",
        "audio/mpeg",
        "audio/ogg",
        "audio/x-wav",
        "video/mp4",
        "video/x-msvideo",
        "video/quicktime",
        "video/x-matroska",
        "application/postscript",
        "application/x-bzip2",
        "application/x-xz",
        "application/x-iso9660-image",
        "application/vnd.sqlite3",
    }
)

_ALIASES = {
    "text/xml": XML,
    "text/rtf": RTF,
    "text/json": JSON,
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "application/x-pdf": PDF,
    "application/x-zip-compressed": ZIP,
    "application/x-zip": ZIP,
    "application/x-gzip": GZIP,
    "application/x-rar": RAR,
    "application/x-rar-compressed": RAR,
    "application/x-pkcs7-mime": CMS,
    "application/x-pkcs7-signature": CMS_DETACHED,
    "application/cdfv2": OLE,
    "application/doc": DOC,
    "application/x-msword": DOC,
    "application/x-msexcel": XLS,
    "application/x-excel": XLS,
    "application/javascript": "text/javascript",
    "application/x-javascript": "text/javascript",
    "application/x-pie-executable": ELF,
    "application/x-sharedlib": ELF,
    "application/x-object": ELF,
    "application/x-elf": ELF,
    "application/vnd.microsoft.portable-executable": EXE,
    "application/x-msdownload": EXE,
    "application/x-msdos-program": EXE,
    "application/x-sqlite3": "application/vnd.sqlite3",
    "text/x-script.python": "text/x-python",
    "audio/x-m4a": "video/mp4",
    "audio/wav": "audio/x-wav",
    "inode/x-empty": EMPTY,
}

EXTENSIONS: dict[str, frozenset[str]] = {
    "pdf": frozenset({PDF}),
    "rtf": frozenset({RTF}),
    "txt": frozenset({TEXT}),
    "csv": frozenset({CSV, TEXT}),
    "htm": frozenset({HTML}),
    "html": frozenset({HTML}),
    "xml": frozenset({XML}),
    "json": frozenset({JSON}),
    "eml": frozenset({EML}),
    "p7m": frozenset({CMS}),
    "p7s": frozenset({CMS_DETACHED, CMS}),
    "zfo": frozenset({CMS}),
    "asice": frozenset({ASIC_E}),
    "sce": frozenset({ASIC_E}),
    "asics": frozenset({ASIC_S}),
    "zip": frozenset({ZIP}),
    "tar": frozenset({TAR}),
    "gz": frozenset({GZIP}),
    "tgz": frozenset({GZIP}),
    "7z": frozenset({SEVEN_ZIP}),
    "rar": frozenset({RAR}),
    "doc": frozenset({DOC, RTF}),
    "xls": frozenset({XLS}),
    "ppt": frozenset({PPT}),
    "msg": frozenset({MSG}),
    "docx": frozenset({DOCX}),
    "xlsx": frozenset({XLSX}),
    "pptx": frozenset({PPTX}),
    "docm": frozenset({DOCM, DOCX}),
    "xlsm": frozenset({XLSM, XLSX}),
    "pptm": frozenset({PPTM, PPTX}),
    "odt": frozenset({ODT}),
    "ods": frozenset({ODS}),
    "odp": frozenset({ODP}),
    "jpg": frozenset({"image/jpeg"}),
    "jpeg": frozenset({"image/jpeg"}),
    "png": frozenset({"image/png"}),
    "tif": frozenset({"image/tiff"}),
    "tiff": frozenset({"image/tiff"}),
    "gif": frozenset({"image/gif"}),
}
"""What a file with this extension may be; other extensions say nothing."""

SCRIPT_EXTENSIONS = {
    "vbs": "text/vbscript",
    "vbe": "text/vbscript",
    "js": "text/javascript",
    "jse": "text/javascript",
    "mjs": "text/javascript",
    "wsf": "text/vbscript",
    "wsh": "text/vbscript",
    "sct": "text/vbscript",
    "bat": "text/x-msdos-batch",
    "cmd": "text/x-msdos-batch",
    "ps1": "text/x-powershell",
    "psm1": "text/x-powershell",
    "reg": "text/x-ms-regedit",
    "inf": "text/x-setup-information",
    "hta": "application/hta",
    "sh": "text/x-shellscript",
    "py": "text/x-python",
    "com": EXE,
    "pif": EXE,
    "scr": EXE,
    "exe": EXE,
    "lnk": "application/x-ms-shortcut",
    "url": "application/x-ms-shortcut",
    "jar": "application/java-archive",
    "apk": "application/vnd.android.package-archive",
    "chm": "application/vnd.ms-htmlhelp",
    "msi": MSI,
}
"""Names by which a clerk's machine would run a file, whatever its bytes look like (AVM-07)."""


def canonical(media_type: str) -> str:
    """Return the list's own name of a media type: lower case, no parameters, no alias."""
    bare = media_type.split(";", 1)[0].strip().lower()
    return _ALIASES.get(bare, bare)


def extension(name: str) -> str:
    """Return the last extension of a file name, lower case and without its dot."""
    return PurePosixPath(name.strip().rstrip(". ")).suffix[1:].lower()


def default_extension(media_type: str) -> str:
    """Return an extension that suits a media type, with its dot; empty where none does."""
    return next(("." + e for e, types in EXTENSIONS.items() if media_type in types), "")
