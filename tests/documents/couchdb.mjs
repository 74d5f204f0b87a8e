// What is in a database of CouchDB, by Apache's JavaScript client: for each line of the input, a database's name, a line with
// a JSON list of its documents. Arguments: NODE_PATH's folder, for modules know no NODE_PATH, and the server; the user is in
// COUCHDB_USER and COUCHDB_PASSWORD.
import { createRequire } from "node:module";
import readline from "node:readline";

const [folder, server] = process.argv.slice(2);
const nano = createRequire(`${folder}/package.json`)("nano");
const url = new URL(server);
url.username = process.env.COUCHDB_USER;
url.password = process.env.COUCHDB_PASSWORD;
const client = nano(url.href);
for await (const line of readline.createInterface({ input: process.stdin })) {
  // Not the list of all: PouchDB's ends before names that begin with a character beyond U+FFFF.
  const { results } = await client.use(line.trim()).changes({ include_docs: true });
  console.log(JSON.stringify(results.map((result) => result.doc)));
}
