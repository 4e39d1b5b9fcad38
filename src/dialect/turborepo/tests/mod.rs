mod answers;
mod companions;
mod requests;
