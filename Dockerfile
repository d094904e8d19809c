# reconcile with the usual sources; docs/ci.md says what `docker run` needs. The build takes the lock of this clone.
# PYTHON may name the base image by its digest. EXTRAS beyond these are not in the lock, and come as new as they are.
ARG PYTHON=python:3.12-slim
FROM ${PYTHON} AS build
ARG EXTRAS=postgres,mysql,state,seal,metrics,otel
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY reconcile reconcile
COPY specs specs
COPY ci/steps.sh ci/steps.sh
RUN python -m venv /opt/reconcile \
 && PATH=/opt/reconcile/bin:$PATH PIP_NO_CACHE_DIR=1 RECONCILE_EXTRAS=$EXTRAS ci/steps.sh install

FROM ${PYTHON}
# The folder that is mounted belongs to whoever it belongs to: git would refuse it.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
 && git config --system --add safe.directory /work \
 && useradd --create-home --uid 1000 reconcile
COPY --from=build /opt/reconcile /opt/reconcile
COPY ci/steps.sh /usr/local/bin/reconcile-ci
ENV PATH=/opt/reconcile/bin:$PATH CI=true
USER reconcile
WORKDIR /work
ENTRYPOINT ["reconcile"]
CMD ["--help"]
