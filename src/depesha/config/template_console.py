"""The section of the console in the settings file as `depesha init` writes it. Text only."""

from __future__ import annotations

CONSOLE = """\
[console]
# Who gets into the operators' console, and for how long. Accounts are made by `depesha user add`.
# origin = ""                              # as browsers see it: "https://console.example"
# language = "bg"                          # or cs, uk, en; where nobody asks for one of them
# key = "keys/console.key"                 # seals second factors; made at the first start
# session_minutes = 600.0                  # a log-in ends after so long,
# idle_minutes = 30.0                      # or after so long without a request
# second_factor_minutes = 5.0              # to type the code in after the password
# password_characters = 12                 # at least
# initial_password_hours = 72.0            # so long a password given by an administrator opens
# failures = 5                             # wrong answers in a row that close an account
# lock_seconds = 900.0                     # for so long
# address_failures = 30                    # from one network address within that time
# second_factor_roles = ["security-administrator", "data-administrator"]
#
# Log-in by an OpenID provider (authorization code with PKCE); without an issuer there is none.
# It needs origin; the provider sends people back to origin + "/login/openid/back".
# [console.oidc]
# issuer = ""                              # "https://login.example"
# client_id = ""
# client_secret_env = ""                   # empty: a public client
# scopes = ["openid", "profile"]
# login_claim = "preferred_username"       # names the account the first time; then "sub" does
# roles_claim = ""                         # empty: roles are those of the account
# second_factor = false                    # true: the provider's log-in counts for both factors
# only = false                             # true: nobody logs in by a password of ours
# authorities = []                         # CAs of the provider; empty: the system's
# answer_seconds = 10.0
# plain_http = false                       # true: without TLS; for demonstrations
#
# Which value of that claim stands for which role.
# [console.oidc.roles]
# clerk = ""
# operator = ""
# auditor = ""
# security_administrator = ""
# data_administrator = ""

"""
