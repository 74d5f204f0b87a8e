// The same as cosmos.py, by Microsoft's JavaScript SDK. NODE_PATH's folder is the first argument, for modules know no NODE_PATH.
import { createRequire } from "node:module";
import readline from "node:readline";

const [folder, endpoint, database] = process.argv.slice(2);
const { CosmosClient } = createRequire(`${folder}/package.json`)("@azure/cosmos");
const client = new CosmosClient({
  endpoint,
  key: process.env.COSMOS_KEY,
  connectionPolicy: { enableEndpointDiscovery: false },
});
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { resources } = await client.database(database).container(line.trim()).items.readAll().fetchAll();
  console.log(JSON.stringify(resources));
}
