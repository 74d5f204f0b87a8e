"""What is in a container of Cosmos DB, by Microsoft's Python SDK: for each line of the input, a container's name, a line with
a JSON list of its items. Arguments: endpoint, database; the key is in COSMOS_KEY."""

import json
import os
import sys

from azure.cosmos import CosmosClient


def main() -> None:
    endpoint, database = sys.argv[1:]
    client = CosmosClient(
        endpoint, os.environ["COSMOS_KEY"], enable_endpoint_discovery=False, connection_verify=False
    )
    for line in sys.stdin:
        container = client.get_database_client(database).get_container_client(line.strip())
        print(json.dumps(list(container.read_all_items())), flush=True)


if __name__ == "__main__":
    main()
