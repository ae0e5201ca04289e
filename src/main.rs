#[global_allocator]
static HEAP: posewire::memory::Heap = posewire::memory::Heap;

fn main() -> std::process::ExitCode {
    posewire::cli::main(std::env::args_os().skip(1))
}
