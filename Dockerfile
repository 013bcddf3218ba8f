# A public host: the pages and the HTTP API, on the CPU, as an unprivileged user.
# Build: docker build -t tusker .          Run: docker run --init -p 8501:8501 -v tusker:/data tusker
ARG PYTHON=3.13.9-slim-trixie

FROM python:${PYTHON} AS packages
# Additional requirements, such as requirements-ray.txt.
ARG EXTRA=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/tusker
ENV PATH=/opt/tusker/bin:$PATH
WORKDIR /build
COPY requirements*.txt ./
# TensorFlow's C++ headers are not needed at run time: 287 MB.
RUN pip install -r requirements.txt ${EXTRA:+-r "$EXTRA"} \
    && rm -rf /opt/tusker/lib/python3.*/site-packages/tensorflow/include

FROM python:${PYTHON}
# Hugging Face runs containers as user 1000.
RUN useradd --uid 1000 --create-home tusker && install -d -o tusker -g tusker /data
COPY --from=packages /opt/tusker /opt/tusker
WORKDIR /app
COPY . .
ENV PATH=/opt/tusker/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    TUSKER_HOME=/data \
    TUSKER_MODE=public \
    STREAMLIT_SERVER_PORT=8501
# The code belongs to root, so that the app cannot change it.
USER tusker
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['STREAMLIT_SERVER_PORT'] + '/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "server.py", "--server.address=0.0.0.0", "--server.headless=true", "--server.fileWatcherType=none"]
