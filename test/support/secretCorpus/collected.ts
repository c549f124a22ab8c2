/**
 * Fifty shapes from the examples of three public rule sets for secrets: Nosey Parker (examples from public code),
 * CredSweeper and Kingfisher. A hash of the rule's name chose the order; rules for mere identifiers were left out, and so
 * were forms that the corpus already had. They were held out for a first measurement; since then the patterns are written
 * for them too.
 */
import { around, token, type Shape } from "./Shape.ts"

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const hash64 = `./0123456789${letters}`

const noseyParker: ReadonlyArray<Shape> = [
  around(
    "Azure DevOps token in code",
    (s) => `var personalAccessToken = "${s}";  // Provide a value or retrieve it from configuration`,
    (f) => f.lowerDigits(52)
  ),
  token("SHA-512 crypt hash of a password", (f) => `$6$${f.alnum(8)}$${f.from(hash64, 86)}`),
  around(
    "field of a Gradle build configuration",
    (s) => `buildConfigField 'String' , 'API_KEY' , '"${s}"'\tAPI_KEY\t`,
    (f) => f.hex(32)
  ),
  around(
    "AWS key id and secret side by side in quotes",
    (s, f) => `export AWS_API_KEY='A3T0${f.upperDigits(16)}''${s}'`,
    (f) => f.hex(40)
  ),
  around(
    "sentence with a word as the password",
    (s) => `The Blooby has a default Access Point Name 'Blooby'\nThe default Password is '${s}'`,
    (f) => f.lower(9)
  ),
  around(
    "first password of Jenkins",
    (s) =>
      `Jenkins initial setup is required. An admin user has been created and a password generated.\nPlease use the following password to proceed to installation:\n\n${s}\n\nThis may also be found at: /root/.jenkins/secrets/initialAdminPassword`,
    (f) => f.hex(32)
  ),
  token("Adobe client secret", (f) => `p8e-${f.base64url(32)}`),
  token("Pixie API key", (f) => `px-api-${f.uuid()}`),
  token("New Relic REST key", (f) => `NRRA-${f.hex(42)}`),
  token("Pixie deploy key", (f) => `px-dep-${f.uuid()}`),
  around(
    "TrueNAS login",
    (s) => `{"id":"3286a508", "msg":"method", "method":"auth.login_with_api_key", "params":["${s}"]}`,
    (f) => `8-${f.alnum(64)}`
  ),
  around(
    "YAML below the name of a token",
    (s) => `something_else: true\njwt:\n  secret: '${s}' #some comment\n  ttl: 640000 #\n`,
    (f) => f.hex(32)
  ),
  around(
    "PHP in an escaped string",
    (s) =>
      `//Database Info\\r\\n\\t$host = \\"localhost\\";\\r\\n\\t$user = \\"mg1021\\";              $password = \\"${s}\\";`,
    (f) => f.lower(9)
  ),
  around(
    "Facebook access token",
    (s) => `url = 'https://graph.facebook.com/me/friends?x=${s}'`,
    (f) => `EAACEdEose0cBA${f.alnum(140)}`
  ),
  around(
    "WireGuard preshared key",
    (s) => `[Peer]\nPublicKey = [Server's public key]\nPresharedKey = ${s}\nAllowedIPs = 0.0.0.0/0, ::/0\n`,
    (f) => `${f.base64(43)}=`
  ),
  around(
    "Twilio key secret in code",
    (s, f) =>
      `const twilioAccountSid = 'AC${f.hex(32)}' // Your Account SID\nconst twilioApiKeySID = 'SK${f.hex(32)}'\nconst twilioApiKeySecret = '${s}'\n`,
    (f) => f.alnum(32)
  ),
  token("New Relic license key", (f) => `${f.hex(36)}NRAL`),
  token("Bitbucket app password", (f) => `ATBB${f.alnum(32)}`),
  around(
    "sentence with a user and a password",
    (s) => `The default password for the user "pyne-user" is "${s}".`,
    (f) => f.lower(8)
  ),
  token("StackHawk key", (f) => `hawk.${f.base64url(20)}.${f.base64url(20)}`)
]

const credSweeper: ReadonlyArray<Shape> = [
  around("ID and PW", (s) => `ID:master,PW:${s}`),
  around(
    "Grafana policy token",
    (s) => `grafana_policy = '${s}'`,
    (f) => `glc_eyJvIjoiMjA0NjMwIiwib${f.alnum(90)}`
  ),
  around(
    "MYSQLPASS",
    (s) => `MYSQLPASS: ${s}`,
    (f) => f.alnum(26)
  ),
  around(
    "curl option in C",
    (s) => `easy_setopt(curl, CURLOPT_PASSWORD, "${s}");`,
    (f) => f.from(letters, 32)
  ),
  around(
    "SQL user with a plugin",
    (s) => `ALTER USER 'root'@'localhost' IDENTIFIED WITH mysql_native_password BY '${s}';`
  ),
  around(
    "Dropbox token",
    (s) => `var dropbox = '${s}';`,
    (f) => `sl.${f.base64url(134)}`
  ),
  around(
    "Alibaba key secret after its id",
    (s, f) => `    f.write(LTAI${f.alnum(12)}, ${s})`,
    (f) => f.alnum(30)
  ),
  around(
    "Kerberos authentication",
    (s) => `"kerberos_authentication": "${s}"`,
    (f) => `YI${f.alnum(62)}`
  ),
  around(
    "base64 of a private key over lines of Python",
    (s) => `pkey = ("LS0tLS1CRUdJTiBQUklWQVRFIENDcUdTTTQ5QXdF"\n        "${s}"\n        "LS0tLS0K")`,
    (f) => f.base64(66)
  ),
  around(
    "private key in the log of docker build",
    (s) =>
      `#6 0.245 -----BEGIN PRIVATE KEY-----\n#6 0.245 ${s}\n#6 0.245 ${s}\n#6 0.245 -----END PRIVATE KEY-----`,
    (f) => f.base64(64)
  ),
  token("Square access token of version 1", (f) => `sq0atp-${f.base64url(22)}`),
  around(
    "Amazon MWS key",
    (s) => `AWS_MWS_KEY = "${s}"`,
    (f) => `amzn.mws.${f.uuid()}`
  ),
  around(
    "Discord webhook",
    (s, f) => `https://discordapp.com/api/webhooks/${f.digits(18)}/${s}`,
    (f) => f.base64url(68)
  ),
  token("Sentry organisation token", (f) => `sntrys_eyJpYXQiOjE3${f.alnum(120)}==${f.base64url(43)}`),
  token("GitLab application secret", (f) => `gloas-${f.hex(64)}`),
  around("column of a CSV file", (s) => `ID,BSSID,password,"Any info"\n14159,"FreeWiFi","${s}",`),
  around(
    "default of a variable",
    (s) => `if SECRET := getenv("CEKPET", "${s}"):`,
    (f) => f.upperDigits(9)
  ),
  around(
    "Twitter bearer token",
    (s) => `tp:${s}`,
    (f) => `AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA0%2Beiu${f.alnum(20)}%3D${f.alnum(49)}`
  ),
  around(
    "PHP variable named key",
    (s) => `$key = '${s}'`,
    (f) => `${f.base64(78)}==`
  ),
  token("Artifactory key", (f) => `AKCp${f.alnum(69)}`),
  token("Instagram token", (f) => `IGQVJ${f.alnum(150)}`),
  token("Tavily key", (f) => `tvly-${f.alnum(32)}`)
]

const kingfisher: ReadonlyArray<Shape> = [
  around(
    "name of a vendor and SECRET",
    (s) => `scrapeowl SECRET ${s}`,
    (f) => f.lowerDigits(30)
  ),
  around(
    "name of a vendor with SECRET attached",
    (s) => `ipinfodbSECRET ${s}`,
    (f) => f.lowerDigits(64)
  ),
  around(
    "name of a vendor and key",
    (s) => `float_key=${s}`,
    (f) => `${f.hex(16)}${f.base64(42)}=`
  ),
  around(
    "name of a vendor alone",
    (s) => `smartsheets=${s}`,
    (f) => f.alnum(37)
  ),
  around(
    "Jenkins password in code",
    (s) => `jenkins_user = 'root'\njenkins_passwd = '${s}'   # Dev Token\n`,
    (f) => f.hex(34)
  ),
  around(
    "Teams webhook",
    (s, f) => `https://contoso.webhook.office.com/webhookb2/${f.uuid()}@${f.uuid()}/IncomingWebhook/${s}`,
    (f) => `${f.hex(32)}/${f.uuid()}`
  ),
  around(
    "Teamwork token",
    (s) => `teamwork ${s}`,
    (f) => `tkn.v1_${f.alnum(71)}=`
  )
]

export const collected: ReadonlyArray<Shape> = [...noseyParker, ...credSweeper, ...kingfisher]

/** Shapes that no pattern can tell from ordinary text: a short random literal under a name that says nothing. */
export const unreachable: ReadonlyArray<Shape> = [
  around(
    "Dropbox secret without a name",
    (s) => `var app_unique_val_s = '${s}';`,
    (f) => f.lowerDigits(15)
  )
]
