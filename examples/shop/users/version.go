package main

// version is told in the header X-Shop-Version of every answer.
const version = "1.0.0"
