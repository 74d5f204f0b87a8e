// Makes a container in azurite: container.mjs URL NAME, run in the folder that has the packages.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { BlobServiceClient, StorageSharedKeyCredential } = require("@azure/storage-blob");

const [url, name] = process.argv.slice(2);
// The account that every installation of azurite has, with the key that Microsoft publishes.
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const service = new BlobServiceClient(url, new StorageSharedKeyCredential("devstoreaccount1", key));
await service.getContainerClient(name).create();
