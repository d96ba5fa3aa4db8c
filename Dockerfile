# Two images: crawler, without a browser, for the crawler, the demo site and the migration; chromium, for our own renderer.
# docker-compose.yml builds the images that its profile needs.
FROM python:3.11-slim-bookworm AS crawler
# tini passes signals on to the process that it starts, and collects ended processes.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY pyproject.toml requirements.txt README.md LICENSE ./
COPY crawler/splash/splashdown_scrapy_splash.pth crawler/splash/
COPY scripts/lib/relocation.py scripts/lib/
# Install the dependencies first, by their hashes, because they change less often than the code. An empty package for each
# room is enough to install our own package; the packages that build it are locked, too.
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
RUN for room in crawler spiders frontier pipelines models migrations outbox renderer demo splashdown workers console; do mkdir -p $room && touch $room/__init__.py; done \
 && pip install --no-cache-dir --no-deps --no-build-isolation -e .
COPY . .
# The user of the container cannot write into /app, so each process would compile our modules.
RUN python -m compileall -q crawler spiders frontier pipelines models migrations outbox renderer demo splashdown workers console
RUN useradd --create-home crawler && mkdir -p data && chown crawler data
USER crawler
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["tini", "--"]
CMD ["scrapy", "schedule", "--run"]

FROM crawler AS chromium
USER root
RUN apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/*
USER crawler
# Every client needs the token. Pages reach only the internet and RENDERER_ALLOW_HOSTS: renderer/README.md.
CMD ["sh", "-c", ": ${RENDERER_TOKEN:?set it in .env to letters and digits of your own}; exec python -m renderer --host 0.0.0.0 --forbid-private-addresses --images-last"]
