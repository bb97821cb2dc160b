"""Plain FastAPI: an async handler that calls the network in the event loop, as most first services do."""

import sys

import uvicorn
from fastapi import FastAPI, Request

from tests.benchmarks.serving_peers.network import answers, decode, load


def app_of(package):
    app, network = FastAPI(), load(package)

    @app.post("/invoke")
    async def invoke(request: Request):
        given = decode(await request.body(), request.headers["content-type"])
        return answers(network, [given]).tolist()

    @app.get("/ready")
    async def ready():
        return {}

    return app


def main():
    package, port, _ = sys.argv[1:]
    uvicorn.run(app_of(package), host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
