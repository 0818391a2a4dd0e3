"""All that needs a GPU, in one command: `python -m tests.benchmarks.device --output device.json`.

It runs on CPUs too, so that it is known to work. Each section is a process of its own (the sizes:
one for each), with a limit on its time; the command itself imports neither JAX nor torch.

__main__    the command line
sections    which sections there are, and how long each may take
wanted      what a run asks for
processes   the processes of a section, their limits
record      all that was found, as JSON: written anew after every finding
summary     record -> a short table
child       one process: runs a section of those below, writes a line for each finding
task        what a section is given: its time, and where its findings go

environment  versions, devices, memory
angles       small weights and inputs of the wide circuits
circuits     the random circuits, and Qiskit's answers
correctness  the circuits on the device, in single and double precision, beside Qiskit
transport    tensors and arrays that share memory; networks in torch on the device
sharding     inputs and states over all devices, beside one
sizes        value and gradient of wider and wider circuits, beside a peer
memory       what those held, beside the size of a state
"""
