# reconcile with the usual sources: `docker run --rm -v "$PWD:/work" reconcile plan`. The build takes the lock of this clone.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY reconcile reconcile
COPY specs specs
# The versions of the lock; without the tools that it holds for development.
RUN sed -E '/--hash/d; s/ *\\$//' requirements.lock > /tmp/pinned.txt \
 && python -m venv /opt/reconcile \
 && /opt/reconcile/bin/pip install --quiet --no-cache-dir --constraint /tmp/pinned.txt ".[postgres,mysql,s3,state,seal]"

FROM python:3.12-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 reconcile
COPY --from=build /opt/reconcile /opt/reconcile
COPY ci/steps.sh /usr/local/bin/reconcile-ci
ENV PATH=/opt/reconcile/bin:$PATH CI=true
USER reconcile
WORKDIR /work
ENTRYPOINT ["reconcile"]
CMD ["--help"]
