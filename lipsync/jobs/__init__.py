"""Many renders, and renders in pieces, on one machine or on many.

batch           a batch: all jobs of a manifest, what is done skipped; start reading here
manifest        manifests: a batch's jobs, as JSON lines or CSV, read and checked before one starts
job             one job: a render, as a line of a manifest or a request to a service asks for it
outcome         what became of a job, for programs: its result, or why it failed
ledger          what is done of a batch: a line of JSON per finished job
object_store    files in object stores: brought here for a job, and what it writes taken there
urls            URLs in places of a job, which are paths
engines         what makes jobs: this machine, or a cluster
local_engine    jobs on this machine: some processes side by side
worker_process  a process for jobs, as its starter sees it
job_worker      a process that makes one job after another
ray_engine      jobs on a Ray cluster: each a task, long ones as a task per shard
ray_tasks       what Ray runs for us on its machines
service/        renders for other programs, over HTTP
shards          a render in shards: planned once, its parts made on any machines, joined
shard_plan      the plan of a render in shards: a folder that any machine can work from
"""
