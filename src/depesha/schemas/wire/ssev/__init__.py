"""The SSEV service description and schemas: where they lie, their names, the schema ready for use.

Written by us from the facts (sections 1.1, 7.1, 7.4, 7.5): names, namespaces and order are the
wire's, misspellings included. Everything resolves offline. It must never judge a message.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

from depesha.schemas.xml import Schema

FOLDER: Final = Path(__file__).parent
SERVICE_WSDL: Final = FOLDER / "service.wsdl"
"""The integration service; its address is a placeholder that the server replaces."""
CONTRACT_XSD: Final = FOLDER / "contract.xsd"
PLACEHOLDER_ADDRESS: Final = "https://ssev.example/Services/EDeliveryIntegrationService.svc"

CONTRACT: Final = "https://edelivery.egov.bg/services/integration"
"""Operations and parameters."""
DATA: Final = "http://schemas.datacontract.org/2004/07/EDelivery.Common.DataContracts"
SUBJECT: Final = f"{DATA}.ESubject"
ENUMS: Final = "http://schemas.datacontract.org/2004/07/EDelivery.Common.Enums"
ARRAYS: Final = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
PORT: Final = "IEDeliveryIntegrationService"

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XOP: Final = "http://www.w3.org/2004/08/xop/include"
_WSS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE: Final = f"{_WSS}-wssecurity-secext-1.0.xsd"
WSU: Final = f"{_WSS}-wssecurity-utility-1.0.xsd"
X509_TOKEN: Final = f"{_WSS}-x509-token-profile-1.0#X509v3"
BASE64_ENCODING: Final = f"{_WSS}-soap-message-security-1.0#Base64Binary"
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"

LETTER_TEMPLATE: Final = 1
FORWARD_TEMPLATE: Final = 2
LETTER_TEXT: Final = "179ea4dc-7879-43ad-8073-72b263915656"
"""Field of the letter template that holds the text."""
LETTER_FILES: Final = "e2135802-5e34-4c60-b36e-c86d910a571a"
"""Field of the letter template that holds the attached files."""
FORWARD_TEXT: Final = "8d3747fe-dcee-4371-92f2-75549a3f804d"


def action(operation: str) -> str:
    """Return the SOAPAction of an operation, without quotes."""
    return f"{CONTRACT}/{PORT}/{operation}"


@functools.cache
def schema() -> Schema:
    """Return the schema of all operations, loaded once; it may be used from any thread."""
    return Schema(CONTRACT_XSD)
