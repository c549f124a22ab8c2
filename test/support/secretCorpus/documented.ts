/**
 * Shapes from the documentation of vendors and the manuals of tools. They were held out until a first measurement named
 * those that were missed; since then the patterns are written for them too.
 */
import { around, token, type Shape } from "./Shape.ts"

const crc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

export const documented: ReadonlyArray<Shape> = [
  token("Databricks token", (f) => `dapi${f.hex(32)}`),
  token("Doppler service token", (f) => `dp.st.prd.${f.alnum(40)}`),
  token("Dynatrace token", (f) => `dt0c01.${f.upperDigits(24)}.${f.upperDigits(64)}`),
  token("Grafana service account token", (f) => `glsa_${f.alnum(32)}_${f.hex(8)}`),
  token("Terraform Cloud token", (f) => `${f.alnum(14)}.atlasv1.${f.base64url(64)}`),
  token("HubSpot private app token", (f) => `pat-na1-${f.uuid()}`),
  token("Mailgun key", (f) => `key-${f.hex(32)}`),
  token("Mailchimp key", (f) => `${f.hex(32)}-us12`),
  token("New Relic user key", (f) => `NRAK-${f.upperDigits(27)}`),
  token("Notion integration token", (f) => `ntn_${f.digits(11)}${f.alnum(35)}`),
  token("PlanetScale password", (f) => `pscale_pw_${f.alnum(43)}`),
  token("Postman key", (f) => `PMAK-${f.hex(24)}-${f.hex(34)}`),
  token("Pulumi token", (f) => `pul-${f.hex(40)}`),
  token("RubyGems key", (f) => `rubygems_${f.hex(48)}`),
  token("Sentry user token", (f) => `sntryu_${f.hex(64)}`),
  token("Square access token", (f) => `EAAA${f.base64url(60)}`),
  token("Twilio API key", (f) => `SK${f.hex(32)}`),
  token("Atlassian API token", (f) => `ATATT3xFfGF0${f.base64url(172)}=${f.hex(8).toUpperCase()}`),
  token("Azure client secret", (f) => `${f.alnum(3)}8Q~${f.base64url(34)}`),
  token("Discord bot token", (f) => `MT${f.alnum(24)}.G${f.alnum(5)}.${f.base64url(38)}`),
  token("Fly.io token", (f) => `fo1_${f.base64url(43)}`),
  token("Groq key", (f) => `gsk_${f.from(crc, 52)}`),
  token("xAI key", (f) => `xai-${f.from(crc, 80)}`),
  token("Replicate token", (f) => `r8_${f.alnum(37)}`),
  token("Tailscale auth key", (f) => `tskey-auth-${f.alnum(12)}-${f.alnum(32)}`),
  token("Netlify token", (f) => `nfp_${f.alnum(36)}`),
  token("Buildkite agent token", (f) => `bkua_${f.hex(40)}`),
  token("Brevo key", (f) => `xkeysib-${f.hex(64)}-${f.alnum(16)}`),
  token("crates.io token", (f) => `cio${f.alnum(32)}`),
  token("Perplexity key", (f) => `pplx-${f.alnum(48)}`),
  around("docker login", (s) => `docker login -u ci -p ${s} registry.example.com`),
  around("mysql with its password attached", (s) => `mysql -h db -u root -p${s} shop`),
  around("redis-cli", (s) => `redis-cli -h cache -a ${s} ping`),
  around("pgpass line", (s) => `db.internal:5432:shop:app:${s}`),
  around("htpasswd on the command line", (s) => `htpasswd -nb ada ${s}`),
  around("openssl passphrase", (s) => `openssl rsa -in key.pem -passin pass:${s}`),
  around("smbclient", (s) => `smbclient //files/share -U ada%${s}`),
  around("SQL user", (s) => `CREATE USER ada IDENTIFIED BY '${s}';`),
  around("SQL role", (s) => `ALTER ROLE app WITH LOGIN PASSWORD '${s}'`),
  around("PowerShell secure string", (s) => `ConvertTo-SecureString "${s}" -AsPlainText -Force`),
  around("JDBC address", (s) => `jdbc:postgresql://db:5432/shop?user=app&password=${s}&ssl=true`),
  around("ADO connection string", (s) => `Server=db;Database=shop;User Id=app;Pwd=${s};Encrypt=true`),
  around(
    "Azure storage connection string",
    (s) => `DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=${s};EndpointSuffix=core.windows.net`,
    (f) => `${f.base64(86)}==`
  ),
  around(
    "kubeconfig",
    (s) => `users:\n- name: admin\n  user:\n    client-key-data: ${s}\n`,
    (f) => f.base64(64)
  ),
  around(
    "docker configuration",
    (s) => `{"auths":{"registry.example.com":{"auth":"${s}"}}}`,
    (f) => Buffer.from(`ci:${f.password()}`).toString("base64")
  ),
  around("PHP definition", (s) => `define('DB_PASSWORD', '${s}');`),
  around("Rust debug output", (s) => `Config { user: "ada", password: Some("${s}") }`),
  around("sentence with a password", (s) => `The password is ${s}, change it soon`),
  around(
    "authenticator address",
    (s) => `otpauth://totp/shop:ada?secret=${s}&issuer=shop`,
    (f) => f.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32)
  ),
  around(
    "presigned address",
    (s) => `https://b.s3.amazonaws.com/k?X-Amz-Expires=300&X-Amz-Signature=${s}`,
    (f) => f.hex(64)
  )
]
