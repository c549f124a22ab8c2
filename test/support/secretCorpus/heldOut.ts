/**
 * Shapes collected without sight of the patterns. They follow public formats: token formats of vendors, first-start
 * output, manuals of command lines, issue threads about secrets in logs, published rules of secret scanners, and common
 * configuration files. The titles of the other shapes served to avoid duplicates. These shapes measure how the scrubber
 * meets text that it was not written for. Never change a pattern because of one of them.
 */
import { around, token, type Shape } from "./Shape.ts"
import type { Fresh } from "./Fresh.ts"

/** Returns a password as generators make them, with signs in it. */
const generated = (fresh: Fresh) =>
  fresh.alnum(6) + fresh.from("!*+-=_@%^", 1) + fresh.alnum(9) + fresh.from("!*+-=_@%^", 1) + fresh.alnum(3)

const inJson = (value: unknown) => JSON.stringify(value, null, 2)

const tokens: ReadonlyArray<Shape> = [
  around(
    "Supabase secret key",
    (s) => `createClient(url, "sb_secret_${s}")`,
    (f) => `${f.base64url(22)}_${f.base64url(8)}`
  ),
  around(
    "LangSmith key",
    (s) => `ls = Client("lsv2_pt_${s}")`,
    (f) => `${f.hex(32)}_${f.hex(10)}`
  ),
  token("Cloudflare user token", (f) => `cfut_${f.alnum(40)}${f.hex(8)}`),
  token("CircleCI personal token", (f) => `CCIPAT_${f.alnum(22)}_${f.hex(40)}`),
  token("Pinecone key", (f) => `pcsk_${f.alnum(6)}_${f.alnum(63)}`),
  token("Airtable personal token", (f) => `pat${f.alnum(14)}.${f.hex(64)}`),
  token("1Password service account token", (f) => {
    const account = {
      signInAddress: "my.1password.com",
      email: `${f.lowerDigits(13)}@1passwordserviceaccounts.com`
    }
    return `ops_${Buffer.from(JSON.stringify({ ...account, srpX: f.hex(64), throttleSecret: f.hex(64) })).toString("base64url")}`
  }),
  token("Resend key", (f) => `re_${f.alnum(8)}_${f.alnum(24)}`),
  token("NVIDIA key", (f) => `nvapi-${f.base64url(64)}`),
  token("Heroku token", (f) => `HRKU-AA${f.base64url(58)}`)
]

const output: ReadonlyArray<Shape> = [
  around(
    "kubeadm join command",
    (s, f) =>
      `kubeadm join 10.0.0.4:6443 --token ${s} \\\n\t--discovery-token-ca-cert-hash sha256:${f.hex(64)}`,
    (f) => `${f.lowerDigits(6)}.${f.lowerDigits(16)}`
  ),
  around(
    "unseal key of Vault",
    (s) => `Unseal Key 1: ${s}\n\nVault initialized with 1 key shares and a key threshold of 1.`,
    (f) => `${f.base64(43)}=`
  ),
  around(
    "first password of Argo CD",
    (s) =>
      `$ argocd admin initial-password -n argocd\n${s}\n\n This password must be only used for first time login. We strongly recommend you update the password.`,
    (f) => f.alnum(16)
  ),
  around(
    "first password of Elasticsearch",
    (s) =>
      `ℹ️  Password for the elastic user (reset with \`bin/elasticsearch-reset-password -u elastic\`):\n  ${s}\n\nℹ️  HTTP CA certificate SHA-256 fingerprint:`,
    (f) => f.alnum(9) + f.from("*+-=_", 1) + f.alnum(10)
  ),
  around(
    "generated password of Spring Security",
    (s) =>
      `2024-05-14T09:12:44.120Z  WARN 1 --- [main] .s.s.UserDetailsServiceAutoConfiguration :\n\nUsing generated security password: ${s}\n`,
    (f) => f.uuid()
  ),
  around(
    "table of vault kv get",
    (s) =>
      `====== Data ======\nKey              Value\n---              -----\ndb_host          db.internal\ndb_password      ${s}`,
    generated
  ),
  around(
    "storage account keys of the Azure command line",
    (s) =>
      inJson([{ creationTime: "2024-02-01T10:00:00+00:00", keyName: "key1", permissions: "FULL", value: s }]),
    (f) => `${f.base64(86)}==`
  ),
  around(
    "SSM parameter of the AWS command line",
    (s) =>
      inJson({ Parameter: { Name: "/prod/orders/db/password", Type: "SecureString", Value: s, Version: 3 } }),
    generated
  ),
  around(
    "Secrets Manager value of the AWS command line",
    (s) =>
      inJson({
        Name: "prod/orders/db",
        SecretString: JSON.stringify({ engine: "postgres", username: "orders", password: s, port: 5432 }),
        VersionStages: ["AWSCURRENT"]
      }),
    (f) => f.alnum(20)
  ),
  {
    title: "change of a password in a Terraform plan",
    make: (fresh) => {
      const before = fresh.password()
      const after = generated(fresh)
      return {
        input: `  ~ resource "azurerm_mssql_server" "main" {\n      ~ administrator_login_password = "${before}" -> "${after}"\n        name                         = "orders"\n    }`,
        secrets: [before, after]
      }
    }
  },
  around(
    "build argument in docker history",
    (s) =>
      `<missing>   3 days ago   RUN |2 NODE_ENV=production NPM_TOKEN=${s} /bin/sh -c npm ci # buildkit   182MB`,
    (f) => f.uuid()
  ),
  around(
    "output of a step of GitHub Actions",
    (s) => `Run ./provision.sh\n::set-output name=db_password::${s}\n::endgroup::`,
    (f) => f.alnum(24)
  ),
  around(
    "request inside an error of axios",
    (s) =>
      `AxiosError: Request failed with status code 403\n  request: ClientRequest {\n    _header: 'GET /v1/items HTTP/1.1\\r\\nAccept: application/json\\r\\nX-Access-Token: ${s}\\r\\nHost: api.example.com\\r\\n\\r\\n',`,
    (f) => f.alnum(40)
  )
]

const commands: ReadonlyArray<Shape> = [
  around(
    "sqlcmd",
    (s) => `docker exec mssql /opt/mssql-tools18/bin/sqlcmd -S localhost -U sa -P '${s}' -C -Q "SELECT 1"`,
    generated
  ),
  around(
    "ldapsearch",
    (s) => `ldapsearch -x -H ldap://ldap.local -D "cn=admin,dc=corp,dc=local" -w ${s} -b dc=corp`
  ),
  around("HTTPie with a user", (s) => `http -a deploy:${s} GET https://ci.example.com/api/json`),
  around(
    "user of RabbitMQ",
    (s) => `  812  sudo rabbitmqctl add_user orders ${s}\n  813  sudo rabbitmqctl list_users`
  ),
  around(
    "alias of the MinIO client",
    (s, f) => `mc alias set backup https://minio.example.com ${f.alnum(20)} ${s}`,
    (f) => f.alnum(40)
  ),
  around("chpasswd", (s) => `RUN useradd -m deploy && echo 'deploy:${s}' | chpasswd`),
  around(
    "aws configure set",
    (s) => `aws configure set aws_secret_access_key ${s} --profile staging`,
    (f) => f.base64(40)
  ),
  around(
    "literal of kubectl create secret",
    (s) => `kubectl create secret generic smtp --from-literal=user=mailer --from-literal=pass='${s}' -n shop`,
    generated
  )
]

const configuration: ReadonlyArray<Shape> = [
  around(
    "secret key of Django",
    (s) =>
      `# SECURITY WARNING: keep the secret key used in production secret!\nSECRET_KEY = 'django-insecure-${s}'\n`,
    (f) => f.lower(1) + f.from("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)", 49)
  ),
  around(
    "application key of Laravel",
    (s) => `APP_NAME=Shop\nAPP_ENV=local\nAPP_KEY=base64:${s}\nAPP_DEBUG=true`,
    (f) => `${f.base64(43)}=`
  ),
  around(
    "machine key of ASP.NET",
    (s, f) =>
      `<machineKey decryptionKey="AutoGenerate" validationKey="${s}" validation="HMACSHA${f.oneOf(["256", "512"])}" />`,
    (f) => f.hex(128).toUpperCase()
  ),
  around("password of redis.conf", (s) => `bind 127.0.0.1\nport 6379\nrequirepass ${s}\nappendonly yes`),
  around(
    "inventory of Ansible",
    (s) => `[db]\ndb1 ansible_host=10.0.0.7 ansible_user=ops ansible_ssh_pass=${s} ansible_port=22`
  ),
  around(
    "JAAS configuration of Kafka",
    (s) =>
      `sasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n  username="orders" \\\n  password="${s}";`,
    (f) => f.base64(64)
  ),
  around(
    "account of Hardhat",
    (s) => `sepolia: {\n  url: "https://rpc.sepolia.org",\n  accounts: ["0x${s}"],\n},`,
    (f) => f.hex(64)
  ),
  around(
    "transport of nodemailer",
    (s) =>
      `nodemailer.createTransport({ service: "gmail", auth: { user: "shop@example.com", pass: "${s}" } })`,
    (f) => [f.lower(4), f.lower(4), f.lower(4), f.lower(4)].join(" ")
  ),
  around(
    "data of a Kubernetes secret",
    (s) =>
      `apiVersion: v1\nkind: Secret\nmetadata:\n  name: smtp\ntype: Opaque\ndata:\n  host: c210cC5leGFtcGxlLmNvbQ==\n  smtp-credentials: ${s}`,
    (f) => Buffer.from(`mailer:${generated(f)}`).toString("base64")
  ),
  {
    title: "private key as a JWK",
    make: (fresh) => {
      const secret = fresh.base64url(43)
      const key = { kty: "EC", crv: "P-256", kid: fresh.uuid(), use: "sig" }
      const input = inJson({ keys: [{ ...key, x: fresh.base64url(43), y: fresh.base64url(43), d: secret }] })
      return { input, secrets: [secret] }
    }
  }
]

const addresses: ReadonlyArray<Shape> = [
  around(
    "data source of Go for MySQL",
    (s) => `sql.Open("mysql", "shop:${s}@tcp(127.0.0.1:3306)/shop?parseTime=true")`
  ),
  around(
    "Redis address without a user",
    (s) =>
      `[2024-03-02 11:40:07,512: ERROR/MainProcess] consumer: Cannot connect to redis://:${s}@cache:6379/0`,
    (f) => f.hex(32)
  ),
  around(
    "connection string of Azure Service Bus",
    (s) =>
      `"ServiceBus": "Endpoint=sb://orders.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=${s}"`,
    (f) => `${f.base64(43)}=`
  ),
  around(
    "shared access address of Azure",
    (s) =>
      `azcopy copy ./dist "https://assets.blob.core.windows.net/web?sv=2022-11-02&ss=b&srt=co&sp=rwdlac&se=2025-01-01T00:00:00Z&spr=https&sig=${s}"`,
    (f) => encodeURIComponent(`${f.base64(43)}=`)
  ),
  around(
    "node address of Infura",
    (s) => `const provider = new JsonRpcProvider("https://mainnet.infura.io/v3/${s}")`,
    (f) => f.hex(32)
  ),
  around(
    "session in a path of an access log",
    (s) => `10.0.0.9 - - [02/Mar/2024:11:40:07 +0000] "GET /shop/cart;jsessionid=${s} HTTP/1.1" 200 5120`,
    (f) => f.hex(32).toUpperCase()
  ),
  around(
    "subscription key in a trace of curl",
    (s) =>
      `> GET /vision/v3.2/models HTTP/2\n> Host: westeurope.api.cognitive.microsoft.com\n> Ocp-Apim-Subscription-Key: ${s}\n> accept: */*`,
    (f) => f.hex(32)
  )
]

const people: ReadonlyArray<Shape> = [
  around(
    "basic authentication of requests",
    (s) => `r = requests.get("https://jira.example.com/rest/api/2/myself", auth=("ci-bot", "${s}"))`
  ),
  {
    title: "recovery codes",
    make: (fresh) => {
      const codes = Array.from({ length: 6 }, () => `${fresh.hex(5)}-${fresh.hex(5)}`)
      return { input: `GitHub recovery codes\n\n${codes.join("\n")}\n`, secrets: codes }
    }
  }
]

export const heldOut: ReadonlyArray<Shape> = [
  ...tokens,
  ...output,
  ...commands,
  ...configuration,
  ...addresses,
  ...people
]
