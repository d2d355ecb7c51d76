"""The settings file as `depesha init` writes it: every key, explained, defaults commented out.

`docs/depesha.example.toml` is this very text; a test compares them, and another finds every key of
every section in it.
"""

from __future__ import annotations

import json

from depesha.config.template_console import CONSOLE
from depesha.config.template_networks import EMAIL, ISDS, SSEV

_TEMPLATE = """\
# Settings of a Depesha gateway. Every key is named here; a line that begins with "# " and a key
# shows the default, or an example where there is none. An unknown key stops the start and is told
# with its line.
# Any key may also come from the environment: DEPESHA_SECTION__KEY, e.g. DEPESHA_LOG__LEVEL=debug;
# lists are JSON there. The environment wins.
# Relative paths start at this file's folder. Secrets never stand here: keys that end in _env name
# an environment variable, keys that end in _file name a file which holds the secret.

[participant]
# Who this gateway is in the networks' registers.
name = {name}
identifier = {identifier}                      # EIK
guid = {guid}
                                           # in the register of SEOS; "" without SEOS
# phone = ""
# email = ""

[keys]
# The key that signs for us, its certificate, and the CAs that may issue partners' certificates.
certificate = {certificate}
key = {key}
# key_password_env = ""                    # variable that holds the key's password
trusted = {trusted}

[listen]
# Three listeners, so that a firewall can part them.
# partners = "0.0.0.0:8440"                # the networks' peers: TLS, client certificates
# registry = "127.0.0.1:8441"              # the document registry's API
# operators = "127.0.0.1:8442"             # the console, /healthz, /readyz, /metrics
# client_certificates = "required"         # or "optional"
# registry_tls = false
# operators_tls = false
# operators_plain = false                  # true: without TLS beyond this machine, on purpose
# idle_seconds = 75.0                      # longest wait for a request's head on a connection
# partners_connections = 256               # partners connected at once; others wait their turn
# certificate = "keys/tls.crt"             # default: the certificate of [keys]
# key = "keys/tls.key"                     # default: the key of [keys]

[store]
# folder = "store"
# postgres_env = ""                        # variable with postgresql://user:password@host/name
# postgres_file = "keys/postgres"          # or, without a variable: a file with it; default: none
# gateway = "gateway"                      # name of this gateway, where several share the database
# death_seconds = 30.0                     # not heard for so long, it loses the tasks it holds
# careless = false                         # true: a PostgreSQL that may lose what it stored

[limits]
# Enforced while reading. Sizes are bytes or texts such as "100 MiB".
# message_bytes = "160 MiB"                # the whole HTTP body; base64 grows a file by a third
# attachment_bytes = "100 MiB"
# attachments = 100
# name_characters = 255
# archive_depth = 3
# archive_members = 2000
# archive_unpacked_bytes = "1 GiB"
# archive_ratio = 200                      # unpacked to packed
# scanner_file_bytes = "100 MiB"           # what the scanner really looks at; more is held
# scan_seconds = 60.0                      # for all files of one message
# clock_difference_seconds = 86400         # a sender's clock further off is worth a warning
# directory_stale_seconds = 86400          # a copy of the register older than this, too

[formats]
# allowed = ["application/pdf", "text/plain"]   # media types; default: the built-in list
# macros_allowed = false
# archives_allowed = true
# unknown_held = true                      # false: refused instead

[scanner]
# addresses = ["unix:/run/clamav/clamd.ctl"]    # or "tcp:host:port"; one process per core
# seconds = 60.0                           # longest wait for one file

[registry]
# kind = "external"                        # or "builtin": the gateway numbers by itself
# template = "{{index}}-{{serial}}/{{date}}"     # numbers of the built-in registry
# index = "ВХ"                             # index of incoming documents, for the template
# zone = "Europe/Sofia"                    # in which the days and years of its numbers turn
# tokens = "keys/tokens.json"              # hashes of the tokens that may ask the API
# own_token = "keys/cli.token"             # with which the commands on this machine ask
#
# One table for each address that wants to be told; signed as Standard Webhooks prescribe.
# [[registry.webhooks]]
# url = "https://registry.example/hooks/depesha"
# name = "registry"                        # default: webhook-1 and so on
# secret_env = "REGISTRY_HOOK_SECRET"      # or
# secret_file = "keys/hook.secret"
# events = []                              # empty: all
# plain_http = false                       # true: http: is allowed, on the same machine

[outbound]
# Documents of the registry that leave: rules, order of networks, patience.
# channels = ["seos", "ssev", "isds", "email"]  # first choice first; those without a table pass
# kinds = ["application/pdf"]              # media types that may leave; default: Word Excel PDF RTF
# macros_allowed = false
# signature_needed = true                  # a file bears one, or the document says why not
# confirm_fallback = false                 # true: a person says yes before a later network is used
# patience_seconds = 900.0                 # so long later networks wait for an earlier one's tries
# look_again_seconds = 300.0               # when to plan again where nothing says when a bar falls
# stale_seconds = 86400.0                  # older knowledge of a recipient is marked so
# workers = 8                              # documents on their way at the same time
# folder = "outbox"                        # for registries that can only write files; default: none
# folder_seconds = 5.0                     # how often it is looked at
#
# Seconds before each further try of a document, one list for each network.
# [outbound.retry]
# seos = [10, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 57600, 115200, 230400, 460800]
# ssev = [60, 300, 900, 1800, 3600, 7200, 14400, 28800, 57600, 86400, 86400, 86400]
# isds = [60, 300, 900, 1800, 3600, 7200, 14400, 28800, 57600, 86400, 86400, 86400]
# email = [300, 900, 1800, 3600, 7200, 14400, 14400, 28800, 28800, 43200, 43200, 86400, 86400]
# faults = [60, 900, 3600, 14400, 43200, 86400]    # answers that were faults: their own budget
# questions = [5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800]  # then a person decides
#
# When a network, or one partner on it, is left alone for a while.
# [outbound.breaker]
# failures = 3                             # in a row
# peers = 2                                # different ones, before a whole direct network is
# rest_seconds = 60.0
# rest_longest_seconds = 1800.0
# probe_seconds = 300.0

[follow_up]
# When an answer is late, in hours of working time.
# late_hours = 16.0                        # from the handing over to the first question
# again_hours = 8.0
# unclear_again_hours = 1.0
# unclear = 1                              # unclear answers in a row before a person telephones
# waiting = 5                              # answers "still waiting" before one does all the same

[calendar]
# When this administration works.
# zone = "Europe/Sofia"
# country = "BG"                           # or CZ, UA: whose holidays count; "": those named here
# hours = [["08:00", "12:00"], ["13:00", "17:00"]]
# weekdays = [0, 1, 2, 3, 4]               # Monday is 0
# holidays = []                            # dates
# working = []                             # dates worked although they are holidays

[signals]
# Networks' operators, told by mail of outages and of networks used instead.
# addresses = {{}}                           # {{seos = "operator@network.example"}}
# language = "bg"                          # or cs, uk, en

{console}[quarantine]
# Refused bytes, encrypted, each under its own key that is destroyed at the end.
# days = 30
# max_bytes = "1 GiB"

[retention]
# Years for which the content of ended documents is kept, from 1 January after the end; 0: for ever.
# Evidence is always kept, and nothing is destroyed before two people approved the list.
# received_years = 0
# refused_years = 0                        # their bytes go earlier, see [quarantine]
# sent_years = 0
# returned_years = 0                       # documents of ours that went back to their author
# numbered_ends = false                    # true: ended, too, where the registry closes no case

[seal]
# The evidence is sealed after this time or these rows, whichever comes first.
# key = "keys/seal.pem"                    # auditors need its public half, keys/seal.pub
# every_seconds = 60.0
# every_rows = 1000

[retry]
# Seconds before each further try of a notice: three quick ones, then the network's own ten.
# notice = [10, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 57600, 115200, 230400, 460800]
# jitter = 0.1                             # share of a wait that chance may add

[log]
# level = "info"                           # debug, info, warning, error
# format = "json"                          # or "text"

[threads]
# size = 5                                 # threads that verify, sign, hash; most wait for disk

# One table for each network, named by it.
{networks}"""


def render_default(  # one argument a key
    *,
    name: str,
    identifier: str,
    guid: str,
    certificate: str = "keys/gateway.crt",
    key: str = "keys/gateway.key",
    trusted: tuple[str, ...] = (),
    networks: str = "",
) -> str:
    """Return the text of a settings file; `networks` is appended as it stands."""
    return _TEMPLATE.format(
        name=_quoted(name),
        identifier=_quoted(identifier),
        guid=_quoted(guid),
        certificate=_quoted(certificate),
        key=_quoted(key),
        trusted="[" + ", ".join(_quoted(one) for one in trusted) + "]",
        console=CONSOLE,
        networks=networks or _NETWORKS + SSEV + ISDS + EMAIL,
    )


_NETWORKS = """\
# [networks.seos]
# register_url = "https://register.example/Registry.svc"   # the participants' register
# register_refresh_seconds = 600.0
# register_client_certificate = ""         # default: the gateway's own
# register_client_key = ""
# register_authorities = []                # CAs of its certificate; empty: the system's
# register_answer_seconds = 120.0
# register_bytes = 67108864
# register_max_deactivated = 0.2           # share of participants one refresh may take away
# algorithm = "rsa-sha1"                   # what all peers verify today; or rsa-sha256, -384, -512
# algorithms = {}                          # for a partner: {"<GUID>" = "rsa-sha256"}
# strict = false                           # true: any deviation from the schema refuses
# verify_peer_tls = true
# peer_authorities = []                    # CAs of partners' servers; empty: those of trust
# plain_http = false                       # true: partners without TLS too; for demonstrations
# connect_seconds = 15.0
# notice_seconds = 120.0                   # from the call of a partner to the end of its answer
# send_seconds = 600.0                     # a whole submission, large files included
# inquire_seconds = 60.0                   # a status question; a look at the register
# send_bytes = 10485760                    # largest message on the wire; 0: no limit
# send_bytes_to = {}                       # another limit for a partner, by its register GUID
# answer_bytes = 4194304
# body_bytes = 0                           # largest HTTP body; 0: message_bytes of [limits]
# concurrency = 64                         # calls handled at once; further callers wait
# reading_processes = 0                    # read in so many processes; 0: in the gateway's threads
# idle_seconds = 30.0                      # longest pause within a body
# slowest_bytes_per_second = 4096
#
# Which rules a partner's certificate must keep; each is relaxed only by naming it here.
# [networks.seos.trust]
# serial = true                            # the serial in the participants' register
# validity = true
# chain = true                             # to one of the authorities
# revocation = true                        # by a list that speaks about it
# stale_lists_accepted = false             # true: a list past its next update still serves
# authorities = []
# intermediates = []
# revocation_lists = []                    # files or URLs
# revocation_refresh_seconds = 3600.0
"""


def render_example() -> str:
    """Return the text of `docs/depesha.example.toml`; `make example` writes it."""
    return render_default(
        name="Община Пример",
        identifier="000000001",
        guid="{11111111-2222-4333-8444-555555555555}",
        trusted=("keys/networks-ca.pem",),
    )


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a part of TOML's."""
    return json.dumps(text, ensure_ascii=False)
