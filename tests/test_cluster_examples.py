"""What examples/cluster/ says: scripts for a shell, fields for KubeRay, commands for vitnas."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from vitnas.cli.main import load

FOLDER = Path(__file__).parent.parent / "examples" / "cluster"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
# the json tags of KubeRay's types RayJobSpec, RayClusterSpec, HeadGroupSpec and WorkerGroupSpec (ray.io/v1)
JOB = {
    *("activeDeadlineSeconds", "backoffLimit", "rayClusterSpec", "submitterPodTemplate", "metadata"),
    *("clusterSelector", "submitterConfig", "managedBy", "deletionStrategy", "entrypoint", "runtimeEnvYAML"),
    *("jobId", "submissionMode", "entrypointResources", "entrypointNumCpus", "entrypointNumGpus"),
    *("ttlSecondsAfterFinished", "shutdownAfterJobFinishes", "suspend"),
}
CLUSTER = {
    *("headGroupSpec", "workerGroupSpecs", "rayVersion", "enableInTreeAutoscaling", "autoscalerOptions"),
    *("headServiceAnnotations", "suspend", "authOptions"),
}
HEAD = {"serviceType", "headService", "enableIngress", "rayStartParams", "template"}
GROUP = {
    *("groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts", "rayStartParams", "template"),
    "scaleStrategy",
}


@pytest.fixture
def documents():
    return {found["kind"]: found for found in yaml.safe_load_all((FOLDER / "rayjob.yaml").read_text())}


def known(command: str) -> None:
    """Whether vitnas reads a command line."""
    program, name, *options = shlex.split(command)
    assert program == "vitnas"
    load(name).make_context(name, options)


def test_kuberay_knows_the_fields(documents):
    job = documents["RayJob"]
    assert job["apiVersion"] == "ray.io/v1"
    spec = job["spec"]
    assert set(spec) <= JOB and set(spec["submitterConfig"]) == {"backoffLimit"}
    cluster = spec["rayClusterSpec"]
    assert set(cluster) <= CLUSTER and cluster["authOptions"] == {"mode": "token"}
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert set(head) <= HEAD and set(workers) <= GROUP
    for group in (head, workers):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_every_pod_mounts_the_volume_of_runs(documents):
    cluster = documents["RayJob"]["spec"]["rayClusterSpec"]
    claim = documents["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    command = shlex.split(documents["RayJob"]["spec"]["entrypoint"])
    run = Path(command[command.index("--resume") + 1])
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        (volume,) = pod["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        (mount,) = pod["containers"][0]["volumeMounts"]
        assert mount["name"] == volume["name"] and run.is_relative_to(mount["mountPath"])


def test_the_job_is_a_command_that_may_be_retried(documents):
    spec = documents["RayJob"]["spec"]
    known(spec["entrypoint"])
    assert "--resume" in spec["entrypoint"] and spec["backoffLimit"] > 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_shell_reads_the_scripts(script):
    assert script.stat().st_mode & 0o111
    subprocess.run([shutil.which("sh"), "-n", str(script)], check=True)
    done = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and f"usage: {script.name} " in done.stderr


def test_the_commands_in_the_scripts():
    said = " ".join(path.read_text().replace("\\\n", " ") for path in SCRIPTS)
    values = {
        '"$folder/': '"/f/',
        '"$head"': "1.2.3.4:6379",
        '"$@"': "--space tiny",
        "$name": "n",
        "; do": "",
    }
    found = 0
    for line in said.splitlines():
        at = line.find("vitnas ")
        if at < 0 or "usage" in line or line.lstrip().startswith("#"):
            continue
        for old, new in values.items():
            line = line.replace(old, new)
        known(line[at:])
        found += 1
    assert found == 3
