/** Shapes of secrets that the patterns are written for. */
import { around, known, token, type Shape } from "./Shape.ts"
import type { Fresh } from "./Fresh.ts"
import { classes } from "./classes.ts"
import { collected } from "./collected.ts"
import { documented } from "./documented.ts"

const jwtPart = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")

const tokens: ReadonlyArray<Shape> = [
  token("OpenAI key", (f) => `sk-${f.alnum(20)}T3BlbkFJ${f.alnum(20)}`),
  token("OpenAI project key", (f) => `sk-proj-${f.base64url(74)}T3BlbkFJ${f.base64url(74)}`),
  token("OpenAI service account key", (f) => `sk-svcacct-${f.base64url(58)}T3BlbkFJ${f.base64url(58)}`),
  token("Anthropic key", (f) => `sk-ant-api03-${f.base64url(93)}AA`),
  token("OpenRouter key", (f) => `sk-or-v1-${f.hex(64)}`),
  token("GitHub personal token", (f) => `ghp_${f.alnum(36)}`),
  token("GitHub OAuth token", (f) => `gho_${f.alnum(36)}`),
  token("GitHub user token", (f) => `ghu_${f.alnum(36)}`),
  token("GitHub server token", (f) => `ghs_${f.alnum(36)}`),
  token("GitHub refresh token", (f) => `ghr_${f.alnum(76)}`),
  token("GitHub fine-grained token", (f) => `github_pat_${f.alnum(22)}_${f.alnum(59)}`),
  token("GitLab personal token", (f) => `glpat-${f.base64url(20)}`),
  token("GitLab deploy token", (f) => `gldt-${f.base64url(20)}`),
  token("GitLab runner token", (f) => `glrt-${f.base64url(20)}`),
  token("GitLab trigger token", (f) => `glptt-${f.hex(40)}`),
  token("npm token", (f) => `npm_${f.alnum(36)}`),
  token("Hugging Face token", (f) => `hf_${f.alnum(34)}`),
  token("AWS access key id", (f) => `AKIA${f.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)}`),
  token("AWS temporary key id", (f) => `ASIA${f.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)}`),
  token("SendGrid key", (f) => `SG.${f.base64url(22)}.${f.base64url(43)}`),
  token("Slack bot token", (f) => `xoxb-${f.digits(12)}-${f.digits(12)}-${f.alnum(24)}`),
  token("Slack user token", (f) => `xoxp-${f.digits(12)}-${f.digits(12)}-${f.digits(12)}-${f.hex(32)}`),
  token("Slack app token", (f) => `xapp-1-A${f.upperDigits(10)}-${f.digits(13)}-${f.hex(64)}`),
  around(
    "Slack webhook",
    (s) => `POST https://hooks.slack.com/services/${s}`,
    (f) => `T${f.upperDigits(8)}/B${f.upperDigits(8)}/${f.alnum(24)}`
  ),
  token("Google API key", (f) => `AIza${f.base64url(35)}`),
  token("Google OAuth token", (f) => `ya29.${f.base64url(120)}`),
  token("Google client secret", (f) => `GOCSPX-${f.base64url(28)}`),
  token("Google refresh token", (f) => `1//0${f.base64url(60)}`),
  token(
    "JWT",
    (f) =>
      `${jwtPart({ alg: "HS256", typ: "JWT" })}.${jwtPart({ sub: f.digits(10), n: f.alnum(8) })}.${f.base64url(43)}`
  ),
  token("Stripe secret key", (f) => `sk_live_${f.alnum(24)}`),
  token("Stripe restricted key", (f) => `rk_live_${f.alnum(24)}`),
  token("Stripe webhook secret", (f) => `whsec_${f.alnum(32)}`),
  token("Vault service token", (f) => `hvs.${f.base64url(95)}`),
  token("Vault batch token", (f) => `hvb.${f.base64url(140)}`),
  token("DigitalOcean personal token", (f) => `dop_v1_${f.hex(64)}`),
  token("DigitalOcean OAuth token", (f) => `doo_v1_${f.hex(64)}`),
  token("DigitalOcean refresh token", (f) => `dor_v1_${f.hex(64)}`),
  token("Docker Hub token", (f) => `dckr_pat_${f.base64url(27)}`),
  token("Shopify admin token", (f) => `shpat_${f.hex(32)}`),
  token("Shopify shared secret", (f) => `shpss_${f.hex(32)}`),
  token("Shopify custom app token", (f) => `shpca_${f.hex(32)}`),
  token("Shopify private app password", (f) => `shppa_${f.hex(32)}`),
  token("PyPI token", (f) => `pypi-AgEIcHlwaS5vcmc${f.base64url(120)}`),
  token("Linear key", (f) => `lin_api_${f.alnum(40)}`),
  token("Supabase token", (f) => `sbp_${f.hex(40)}`),
  token("Figma token", (f) => `figd_${f.base64url(40)}`),
  token("Telegram bot token", (f) => `${f.digits(10)}:AA${f.base64url(33)}`),
  around(
    "Telegram address",
    (s) => `https://api.telegram.org/bot${s}/getMe`,
    (f) => `${f.digits(9)}:AA${f.base64url(33)}`
  ),
  token("age key", (f) => `AGE-SECRET-KEY-1${f.from("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)}`),
  around(
    "PuTTY key",
    (s) =>
      `PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: ada\nPublic-Lines: 2\nAAAAC3NzaC1lZDI1NTE5\nPrivate-Lines: 1\n${s}\nPrivate-MAC: 00`,
    (f) => f.base64(48)
  ),
  around(
    "PuTTY key of version 2",
    (s) =>
      `PuTTY-User-Key-File-2: ssh-rsa\r\nEncryption: none\r\nComment: x\r\nPrivate-Lines: 2\r\n${s}\r\n${s}\r\nPrivate-MAC: 00\r\n`,
    (f) => f.base64(64)
  ),
  around(
    "RSA private key",
    (s) => `-----BEGIN RSA PRIVATE KEY-----\n${s}\n-----END RSA PRIVATE KEY-----`,
    (f) => f.base64(64)
  ),
  around(
    "OpenSSH private key",
    (s) => `-----BEGIN OPENSSH PRIVATE KEY-----\n${s}\n-----END OPENSSH PRIVATE KEY-----`,
    (f) => f.base64(70)
  ),
  around(
    "encrypted private key",
    (s) => `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${s}\n-----END ENCRYPTED PRIVATE KEY-----`,
    (f) => f.base64(64)
  ),
  around(
    "PGP private key",
    (s) => `-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n${s}\n-----END PGP PRIVATE KEY BLOCK-----`,
    (f) => f.base64(64)
  ),
  around(
    "private key in one line with escaped line breaks",
    (s) => `-----BEGIN PRIVATE KEY-----\\n${s}\\n-----END PRIVATE KEY-----`,
    (f) => f.base64(64)
  ),
  around(
    "SSH2 private key",
    (s) => `---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n${s}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----`,
    (f) => f.base64(64)
  ),
  around(
    "AWS secret beside its id",
    (s, f) => `AKIA${f.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)} ${s}`,
    (f) => f.base64(40)
  )
]

/** An entry as an API lists environment variables, fields and headers: the name and the value side by side. */
const pairs: ReadonlyArray<Shape> = [
  around("named entry", (s) => ({ name: "DB_PASSWORD", value: s })),
  around("named entry with the value first", (s) => ({ value: s, name: "DB_PASSWORD" })),
  around("entry by key", (s) => ({ key: "api_token", value: s })),
  around("entry by key, in capitals", (s) => [{ Key: "SECRET_KEY", Value: s }]),
  around("entry by parameter name", (s) => ({ ParameterName: "password", ParameterValue: s })),
  around("container environment", (s) => ({
    env: [
      { name: "PORT", value: "80" },
      { name: "REDIS_PASSWORD", value: s }
    ]
  })),
  around("header tuple", (s) => [
    ["content-type", "text/plain"],
    ["authorization", `Bearer ${s}`]
  ]),
  around("header tuple of a key", (s) => [["x-api-key", s]]),
  around("flat header list", (s) => ["accept", "*/*", "cookie", `session=${s}`]),
  around("arguments", (s) => ["psql", "--password", s]),
  around("arguments with an equals sign", (s) => ["tool", `--api-key=${s}`]),
  around("arguments with a short name", (s) => ["sshpass", "-p", s, "ssh", "host"]),
  around("arguments of curl", (s) => ["curl", "-u", `ada:${s}`, "https://example.com"]),
  around("arguments with a header", (s) => ["curl", "-H", `X-Auth-Token: ${s}`]),
  around("environment as text", (s) => ["PATH=/bin", `PGPASSWORD=${s}`]),
  around("named entry in text of JavaScript", (s) => `env: [{ name: 'DB_PASSWORD', value: '${s}' }]`),
  around("tuple in text", (s) => `headers [('Authorization', 'Bearer ${s}')]`),
  around("tuple in text of another header", (s) => `headers=[("x-api-key", "${s}")]`),
  around("arguments in text of Python", (s) => `running ['psql', '--password', '${s}']`),
  around("named entry inside JSON text inside JSON", (s) => ({
    body: JSON.stringify({ name: "DB_PASSWORD", value: s })
  }))
]

const headers: ReadonlyArray<Shape> = [
  ...[
    "ApiKey",
    "Bot",
    "Token",
    "Negotiate",
    "Bearer",
    "Basic",
    "NTLM",
    "Key",
    "GoogleLogin",
    "SSWS",
    "PRIVATE-TOKEN"
  ].map((scheme) =>
    around(
      `Authorization: ${scheme}`,
      (s) => `Authorization: ${scheme} ${s}`,
      (f) => f.alnum(28)
    )
  ),
  around(
    "Authorization: Digest",
    (s) => `Authorization: Digest username="ada", realm="x", nonce="12", uri="/", response="${s}"`,
    (f) => f.hex(32)
  ),
  around("Authorization without a scheme", (s) => `authorization: ${s}`),
  around("Authorization of two words", (s) => `Authorization: Custom v2 ${s}`),
  around(
    "Proxy-Authorization",
    (s) => `Proxy-Authorization: Basic ${s}`,
    (f) => Buffer.from(`ada:${f.password()}`).toString("base64")
  ),
  around(
    "AWS signature",
    (s) =>
      `Authorization: AWS4-HMAC-SHA256 Credential=AK/20260101/eu/s3/aws4_request, SignedHeaders=host, Signature=${s}`,
    (f) => f.hex(64)
  ),
  around("X-Api-Key", (s) => `X-Api-Key: ${s}`),
  around("X-Auth-Token", (s) => `> X-Auth-Token:${s}`),
  around("PRIVATE-TOKEN", (s) => `PRIVATE-TOKEN: ${s}`),
  around("Set-Cookie", (s) => `Set-Cookie: sid=${s}; Path=/; HttpOnly`),
  around("Cookie", (s) => `Cookie: theme=dark; sid=${s}`),
  around("curl with a header", (s) => `curl -H 'Authorization: ApiKey ${s}' https://example.com`),
  around("curl with a quoted header", (s) => `curl -H "X-Vault-Token: ${s}" https://example.com`),
  around("header object of Python", (s) => `{'Authorization': 'Bot ${s}', 'Accept': '*/*'}`)
]

const texts: ReadonlyArray<Shape> = [
  around("five blanks around a colon", (s) => `password     :     ${s}`),
  around("twenty blanks around an equals sign", (s) => `db_password${" ".repeat(20)}=${" ".repeat(20)}${s}`),
  around("tabs around an equals sign", (s) => `api_key\t\t\t\t\t\t=\t\t\t\t\t\t${s}`),
  around("option with many blanks", (s) => `login --password         ${s} --verbose`),
  around(
    "numeric password",
    (s) => `password=${s}`,
    (f) => f.digits(8)
  ),
  around(
    "numeric password in a value",
    (s) => ({ password: Number(s) }),
    (f) => f.digits(8)
  ),
  around(
    "PIN in a value",
    (s) => ({ pin: Number(s), attempts: 3 }),
    (f) => f.digits(6)
  ),
  around(
    "PIN",
    (s) => `pin: ${s}`,
    (f) => f.digits(4)
  ),
  around(
    "one-time code in a sentence",
    (s) => `Your verification code is ${s}`,
    (f) => f.digits(6)
  ),
  around(
    "one-time code with a colon",
    (s) => `Your one-time code: ${s}`,
    (f) => f.digits(6)
  ),
  around(
    "one-time code first",
    (s) => `${s} is your verification code`,
    (f) => f.digits(6)
  ),
  around(
    "OTP",
    (s) => `OTP: ${s}`,
    (f) => f.digits(6)
  ),
  around(
    "OTP in a value",
    (s) => ({ otp: Number(s) }),
    (f) => f.digits(6)
  ),
  around(
    "security code",
    (s) => `Use security code ${s} to sign in`,
    (f) => f.digits(6)
  ),
  around(
    "2FA code",
    (s) => `2FA code=${s}`,
    (f) => f.digits(6)
  ),
  around("YAML", (s) => `database:\n  user: app\n  password: ${s}\n`),
  around("YAML block", (s) => `password: |\n  ${s}\nuser: app\n`),
  around("YAML folded block", (s) => `secret: >-\n    ${s}\n    ${s}\nnext: 1`),
  around("YAML list below a secret name", (s) => `passwords:\n  - ${s}\n  - ${s}\nuser: app`),
  around("YAML list of entries", (s) => `env:\n  - name: DB_PASSWORD\n    value: ${s}\n`),
  around("YAML list of quoted entries", (s) => `env:\n  - name: "DB_PASSWORD"\n    value: "${s}"\n`),
  around("YAML below a secret name", (s) => `credentials:\n  user: ada\n  value: ${s}\nport: 80`),
  around("YAML value of two words", (s) => `passphrase: correct ${s}\n`),
  around("XML element", (s) => `<user>ada</user><password>${s}</password>`),
  around("XML element with attributes", (s) => `<apiKey type="x">${s}</apiKey>`),
  around("XML element with a prefix", (s) => `<wsse:Password Type="PasswordText">${s}</wsse:Password>`),
  around("XML attribute", (s) => `<db user="ada" password="${s}"/>`),
  around("XML key and value", (s) => `<add key="DbPassword" value="${s}" />`),
  around("XML name and value", (s) => `<property name="db.password">${s}</property>`),
  around(
    "XML over lines",
    (s) => `<server>\n  <username>ada</username>\n  <password>\n    ${s}\n  </password>\n</server>`
  ),
  around("plist", (s) => `<key>password</key>\n<string>${s}</string>`),
  around("netrc line", (s) => `machine example.com login ada password ${s}`),
  around("netrc over lines", (s) => `machine example.com\n  login ada\n  password ${s}\n`),
  around("netrc with an account", (s) => `default login ada account x password ${s}`),
  around("curl -u", (s) => `curl -u ada:${s} https://example.com`),
  around("curl -u, quoted", (s) => `curl -s -u 'ada:${s}' https://example.com`),
  around("curl -u, attached", (s) => `curl -uada:${s} https://example.com`),
  around("curl --user", (s) => `curl --user ada:${s} https://example.com`),
  around("curl --user=", (s) => `curl --user=ada:${s} https://example.com`),
  around("curl --proxy-user", (s) => `curl --proxy-user ada:${s} https://example.com`),
  around("sshpass -p", (s) => `sshpass -p ${s} ssh ada@host`),
  around("sshpass -p, quoted", (s) => `sshpass -p '${s}' scp a b`),
  around("sshpass, attached", (s) => `sshpass -p${s} ssh ada@host`),
  around("option", (s) => `deploy --token ${s}`),
  around("option with an equals sign", (s) => `deploy --client-secret=${s}`),
  around("option with one dash", (s) => `java -jar x.jar -password ${s}`),
  around("environment variable", (s) => `export DB_PASSWORD=${s}`),
  around("environment variable, quoted", (s) => `STRIPE_SECRET_KEY="${s}" npm start`),
  around("environment variable of Windows", (s) => `set "API_TOKEN=${s}"`),
  around("environment variable of PowerShell", (s) => `$env:API_TOKEN = "${s}"`),
  around("environment variable of Docker", (s) => `docker run -e MYSQL_ROOT_PASSWORD=${s} mysql`),
  around("Dockerfile", (s) => `ENV API_TOKEN ${s}`),
  around("npmrc", (s) => `//registry.npmjs.org/:_authToken=${s}`),
  around("pip configuration", (s) => `index-url = https://ci:${s}@pypi.example.com/simple`),
  around("address with a password", (s) => `postgres://app:${s}@db:5432/shop`),
  around(
    "address with a token",
    (s) => `git clone https://${s}@github.com/ada/x`,
    (f) => f.alnum(40)
  ),
  around("query", (s) => `GET /callback?code=1&access_token=${s}&state=x`),
  around("form", (s) => `grant_type=password&username=ada&password=${s}`),
  around("JSON", (s) => ({ user: "ada", password: s })),
  around("JSON in text", (s) => `sent {"user":"ada","apiKey":"${s}"} to it`),
  around("JSON in text, escaped", (s) => `body={\\"clientSecret\\":\\"${s}\\"}`),
  around(
    "number in JSON in text",
    (s) => `sent {"user":"ada","password": ${s}}`,
    (f) => f.digits(8)
  ),
  around("properties", (s) => `spring.datasource.password=${s}`),
  around("TOML", (s) => `[db]\npassword = '''${s}'''`),
  around("HCL", (s) => `  master_password   = "${s}"`),
  around("Ruby", (s) => `{:user => "ada", :password => "${s}"}`),
  around("Go", (s) => `{User:ada Password:${s} Port:80}`),
  around("Java", (s) => `Credentials[user=ada, password=${s}]`),
  around("Python", (s) => `connect(user='ada', password='${s}')`),
  around("prompt", (s) => `Password for 'https://ada@github.com': ${s}`)
]

const bytes = (secret: string) => Buffer.from(secret)
const wrapped = (text: string, width: number, separator = "\n") =>
  (text.match(new RegExp(`.{1,${width}}`, "g")) ?? []).join(separator)
const units = (secret: string, digits: (unit: string) => string) =>
  Array.from(secret, (char) => `\\u${digits(char.charCodeAt(0).toString(16).padStart(4, "0"))}`).join("")

const inner = (f: Fresh) => f.alnum(5)

const encodings: ReadonlyArray<Shape> = [
  known("known secret", (s) => [`it is ${s} here`, s]),
  known("known secret in hex", (s) => [`dump ${bytes(s).toString("hex")}`, bytes(s).toString("hex")]),
  known("known secret in capital hex", (s) => [
    bytes(s).toString("hex").toUpperCase(),
    bytes(s).toString("hex").toUpperCase()
  ]),
  known("known secret in hex inside other bytes", (s, f) => [
    `${f.hex(20)}${bytes(s).toString("hex")}${f.hex(8)}`,
    bytes(s).toString("hex")
  ]),
  known("known secret in \\u escapes", (s) => [`"${units(s, (d) => d)}"`, units(s, (d) => d)]),
  known("known secret in capital \\u escapes", (s) => [
    `"${units(s, (d) => d.toUpperCase())}"`,
    units(s, (d) => d.toUpperCase())
  ]),
  known("known secret in base64", (s, f) => {
    const text = bytes(`${inner(f)}:${s}`).toString("base64")
    return [text, text.slice(-16, -4)]
  }),
  known("known secret in base64 of wrapped lines", (s) => {
    const text = wrapped(bytes(s).toString("base64"), 12)
    return [text, text.slice(2, 20)]
  }),
  known("known secret in base64 wrapped at 76 characters", (s, f) => {
    const text = wrapped(bytes(`${f.alnum(50)}${s}${f.alnum(50)}`).toString("base64"), 76)
    return [text, text.slice(70, 84)]
  }),
  known("known secret in base64 with escaped line breaks", (s) => {
    const text = wrapped(bytes(s).toString("base64"), 16, "\\n")
    return [text, text.slice(2, 28)]
  }),
  known("known secret in base64url", (s) => [
    bytes(s).toString("base64url"),
    bytes(s).toString("base64url").slice(0, -3)
  ]),
  known("known secret in a URL", (s) => [`/x?y=${encodeURIComponent(s)}`, encodeURIComponent(s)]),
  known("known secret in a URL, with lower-case escapes", (s) => [
    encodeURIComponent(s).replace(/%../g, (e) => e.toLowerCase()),
    encodeURIComponent(s).slice(-8)
  ]),
  known("known secret as JSON inside JSON", (s) => [JSON.stringify(JSON.stringify({ a: s })), s])
]

export const shapes: ReadonlyArray<Shape> = [
  ...tokens,
  ...pairs,
  ...headers,
  ...texts,
  ...encodings,
  ...documented,
  ...collected,
  ...classes
]
