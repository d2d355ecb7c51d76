"""The tables of the networks in the settings file as `depesha init` writes it. Text only."""

from __future__ import annotations

SSEV = """\
#
# ССЕВ, the state's secure electronic delivery: REST, SOAP, or both; leave out what you have not.
# [networks.ssev]
# environment = "production"               # names the installation: message ids count within one
# lookup_pages = 50                        # of a list, read at most in one look-up or one poll
# reach_seconds = 300.0                    # so long an answer about a recipient is told again
# lookup_seconds = 20.0                    # longest wait for one; then nobody can tell
# soap_up_to_bytes = 10240000              # larger files together go by REST
# soap_up_to_files = 10
# uploads_seconds = 600.0                  # all uploads of one message
# absence_seconds = 120.0                  # before that, "not in the outbox" is not believed
# receive = true                           # false: messages are left to the portal
# poll_seconds = 60.0                      # between two looks into the inbox
# senders = ["Institution", "LegalPerson"] # whose messages are opened; others wait for people
# open_unchecked = false                   # true: REST alone opens before the sender is known
# sweep_seconds = 3600.0                   # looks for messages that people opened in the portal
# sweep_days = 7.0
# park_first_seconds = 300.0               # rest of a message that could not be fetched; doubles
# park_most_seconds = 86400.0
# watch_seconds = 60.0                     # between two looks whether ours were opened
# watch_days = 60.0
#
# [networks.ssev.rest]
# token_url = "https://oauth.example"      # /token and /introspect are added
# api_url = "https://api.example/ed2/api"
# upload_url = "https://api.example/ed2/upload"
# blob_origins = ["https://files.example"] # download links may lead there and nowhere else
# client_id = "client"
# oid = "oid"
# represented_person = ""
# correspondent_oid = ""
# operator = ""
# scope = "/ed2*"
# client_certificate = ""                  # default: the gateway's own
# client_key = ""
# client_key_password_env = ""
# authorities = []                         # CAs of the service; empty: the system's
# token_margin_seconds = 60.0
# connect_seconds = 15.0
# answer_seconds = 60.0
# transfer_seconds = 600.0                 # a whole upload or download
# answer_bytes = 8388608
# upload_bytes = 53411840                  # largest file
# download_bytes = 268435456
# page_size = 100
#
# [networks.ssev.soap]
# url = "https://soap.example/EDeliveryIntegrationService.svc"
# signing_certificate = ""                 # whose thumbprint is registered; default: our own
# signing_key = ""
# signing_key_password_env = ""
# algorithm = "rsa-sha1"                   # what Basic256 names; or rsa-sha256
# operator_egn = ""
# service_oid = ""
# authorities = []
# timestamp_seconds = 300.0
# connect_seconds = 15.0
# answer_seconds = 600.0
# answer_bytes = 8388608                   # of the envelope alone; files go to disk
# part_bytes = 67108864                    # of all files of one answer
# request_bytes = 52428800
# page_size = 100
"""

EMAIL = """\
#
# Signed e-mail: the last road, and the way to networks' operators.
# [networks.email]
# address = "gateway@office.example"       # ours
# certificate = "keys/mail.crt"            # for mail, its intermediates after it
# key = "keys/mail.key"
# key_password_env = ""
# language = "bg"                          # of letters where no other is known: bg, cs, uk, en
# register_addresses = false               # true: the register's contact addresses are used too
# receipts = true                          # answer every document with a signed word
#
# [networks.email.submission]
# host = "mail.office.example"
# port = 587
# security = "starttls"                    # or "tls", from the first byte
# authorities = []                         # CAs of the server; empty: the system's
# user = ""                                # empty: no login
# password_env = ""
# hello_name = "localhost"
# connect_seconds = 30.0
# command_seconds = 300.0
# final_seconds = 600.0                    # too short a wait for the last answer makes doubles
# letter_bytes = 26214400                  # the server's own limit counts too
#
# [networks.email.mailbox]
# host = "mail.office.example"
# port = 993
# authorities = []
# user = "gateway"
# password_env = "DEPESHA_MAIL_PASSWORD"
# folder = "INBOX"
# command_seconds = 60.0
# poll_seconds = 60.0
# mail_bytes = 67108864                    # larger mails are left where they are
#
# Which rules the certificate of a signed mail must keep; each is relaxed only by naming it here.
# [networks.email.trust]
# validity = true
# chain = true
# revocation = true
# stale_lists_accepted = false
# mail_use = true                          # it is for mail
# address = true                           # it names the sender's address
# authorities = []
# intermediates = []
# revocation_lists = []
#
# One table for each body that letters go to and come from.
# [[networks.email.partners]]
# identifier = "000000002"                 # EIK
# name = "Агенция Образец"
# address = "delo@agency.example"
# language = ""                            # of letters to it; empty: the channel's
# certificate = ""                         # for encryption; empty: letters are signed only
# phone = ""
"""

ISDS = """\
#
# Datové schránky, the Czech data boxes.
# [networks.isds]
# environment = "production"               # names the installation: message numbers count within
# host = "ws1.datovka.gov.cz"              # ordinary services, log-in by password
# big_host = "ws2.datovka.gov.cz"          # big messages
# certificate_host = "ws1c.datovka.gov.cz" # the same for log-ins with a certificate
# big_certificate_host = "ws2c.datovka.gov.cz"
# authorities = []                         # CAs of the service; empty: the system's
# seal_authorities = ["keys/seal-ca.pem"]  # CAs that the seals of messages must lead to
# stamp_authorities = ["keys/stamp-ca.pem"]
# revocation_lists = []                    # files or addresses; empty: not asked about
# old_seals_until = ""                     # seals with SHA-1 count before this moment; "": never
# stamp_required = false                   # true: no paper without a stamp of its seal
# message_stamp_required = false           # true: nor without one of its submission
# user_agent = "Depesha"
# connect_seconds = 15.0
# answer_seconds = 120.0
# upload_seconds = 300.0                   # over 240: the scanner there takes its time
# transfer_seconds = 1800.0                # a whole big message
# connections = 2                          # at once; more are refused there
# search = true                            # recipients that are an IČO are looked for
# paid_messages = false                    # true: boxes that take paid ones alone are written to
# personal_delivery = false                # true: ours go into the recipient's own hands
# fiction_allowed = true                   # ours count as delivered after ten days
# as_authority = true                      # dmOVM, for boxes that are both
# reach_seconds = 300.0                    # so long an answer about a recipient is told again
# lookup_seconds = 20.0
# receive = true                           # false: received messages are left to people
# personal_messages = false                # true: received ones into own hands are fetched too
# first_days = 90.0                        # the first list reaches back so far
# messages_per_poll = 250                  # fetched at most in one poll
# list_pages = 4                           # lists asked for at most in one poll
# page_size = 500
# poll_minutes = 5.0                       # between two lists of one box; 1 at least
# poll_jitter = 0.2                        # share of the interval added by chance
# overlap_hours = 24.0                     # looked back further than the last message seen
# park_first_seconds = 300.0               # rest of a message that could not be fetched; doubles
# park_most_seconds = 86400.0
# park_days = 100.0                        # then what waits for a person is forgotten
# watch_minutes = 5.0                      # between two looks at what became of ours
# watch_days = 60.0
# state_days = 7.0                         # changes of ours are asked for so far back
# lookup_hours = 2.0                       # an unclear message is looked for so far back
# lookup_pages = 20
# absence_seconds = 900.0                  # before that, "not sent" is not believed
# answer_bytes = 16777216                  # of an answer kept in memory; papers go to disk
# paper_bytes = 268435456
# message_bytes = 20000000                 # files of an ordinary message together
# big_message_bytes = 100000000
#
# One table for each box of ours; documents leave the first one.
# [[networks.isds.boxes]]
# box_id = "abc2345"
# login = "CERTIFICATE"                    # PASSWORD, CERTIFICATE, CERTIFICATE_PASSWORD, HOSTED
# user = ""                                # with a password
# password_file = ""                       # read again after it was changed
# client_certificate = "keys/isds.crt"
# client_key = "keys/isds.key"
#
# When boxes are listed, which counts as logging in; leave the table out: at any hour.
# [networks.isds.working_time]
# zone = "Europe/Prague"
# weekdays = [0, 1, 2, 3, 4]               # Monday is 0
# start = 06:00:00
# end = 20:00:00
#
# One table for each body that is named by an identifier of its own.
# [[networks.isds.partners]]
# identifier = "00000002"                  # IČO, or what all networks know it by
# name = "Úřad Příklad"
# box_id = "xyz6789"
# acknowledgement = "none"                 # "reply": it is told our number by a message
"""
