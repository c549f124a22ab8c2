/** Shapes of the classes that need more than a name and a sign: tables, calls, positional arguments, sentences, objects. */
import { around, token, type Shape } from "./Shape.ts"

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

export const classes: ReadonlyArray<Shape> = [
  around(
    "vault kv get table",
    (s) => `====== Data ======\nKey         Value\n---         -----\npassword    ${s}\nuser        bob`
  ),
  around(
    "psql row",
    (s) => ` id | username | password \n----+----------+----------\n  1 | bob      | ${s}\n(1 row)`
  ),
  around(
    "mysql table",
    (s) =>
      `+----+------+-----------+\n| id | user | password |\n+----+------+-----------+\n|  1 | bob  | ${s} |\n+----+------+`
  ),
  around("tsv", (s) => `user\tpassword\tshell\nbob\t${s}\t/bin/sh`),
  around("csv", (s) => `id,email,password\n1,a@b.c,${s}\n`),
  around("markdown table", (s) => `| Name | Value |\n| --- | --- |\n| DB_PASSWORD | ${s} |`),
  around("net user", (s) => `net user bob ${s} /add`),
  around("net use", (s) => `net use Z: \\\\srv\\share ${s} /user:bob`),
  around("sqlplus", (s) => `sqlplus system/${s}@//db:1521/XE`),
  around("kubectl literal other", (s) => `kubectl create secret generic db --from-literal=value=${s}`),
  around("http httpie", (s) => `http -a bob:${s} https://x`),
  around(
    "aws ssm put",
    (s) => `aws ssm put-parameter --name /x/db_password --value ${s} --type SecureString`
  ),
  around("gradle kts", (s) => `storePassword "${s}"`),
  around("c define", (s) => `#define WIFI_PASSWORD "${s}"`),
  around("cmake", (s) => `set(API_TOKEN "${s}")`),
  around("fish set", (s) => `set -x API_TOKEN ${s}`),
  around("os.environ", (s) => `os.environ["API_TOKEN"] = "${s}"`),
  around("js nullish", (s) => `password: process.env.DB_PASSWORD ?? '${s}',`),
  around("setter", (s) => `config.setPassword("${s}");`),
  around("DriverManager", (s) => `DriverManager.getConnection(url, "root", "${s}")`),
  around("requests auth", (s) => `requests.get(u, auth=("bob", "${s}"))`),
  around("comparison ===", (s) => `if (user.password === '${s}')`),
  around("concat", (s) => `password = "ab" + "${s}"`),
  around("terraform change", (s) => `  ~ password = "old${s}" -> "${s}"`),
  around(
    "elastic",
    (s) =>
      `Password for the elastic user (reset with \`bin/elasticsearch-reset-password -u elastic\`):\n  ${s}`
  ),
  around("generated pw", (s) => `Generated password for user postgres: ${s}`),
  around("Username and password", (s) => `Username: admin\nPassword:\n${s}\n`),
  around("redis AUTH", (s) => `127.0.0.1:6379> AUTH ${s}`),
  around("requirepass", (s) => `requirepass ${s}`),
  around("cisco user", (s) => `username admin privilege 15 password 0 ${s}`),
  around("xml cdata", (s) => `<password><![CDATA[${s}]]></password>`),
  around(
    "kubectl secret stringData",
    (s) => `apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  config: ${s}\n`
  ),
  token("bcrypt", (f) => `$2b$12$${f.from(letters + "./0123456789", 53)}`),
  token("heroku HRKU", (f) => `HRKU-${f.uuid()}`),
  around(
    "pem base64 plain",
    (s) => `value ${s}`,
    (f) => `LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ${f.base64(100)}`
  )
]
