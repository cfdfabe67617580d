package main

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
)

// assumptions are what this run cannot measure. COST.md says where each comes
// from; whoever reckons for himself puts his own here.
type assumptions struct {
	// memory is the functions' MemorySize in MB. The table has template/aws's.
	memory float64
	// wholeCPU is the memory, in MB, with which a function has one processor; it
	// has its share of it with less.
	wholeCPU float64
	// dynamo, queue and merchant are how long one call of DynamoDB, of SQS and of
	// the server that grants goods takes, in milliseconds.
	dynamo, queue, merchant float64
	// List prices on demand, in USD: of a GB-second on arm64, and of a million
	// invocations, write units, read units and requests of SQS.
	gbSecond, invocation, write, read, message float64
}

// assumed are prices of us-east-1 as they stood in 2025, without what is free. They
// are from memory: check them. Regions differ, and those in China have lists of
// their own, in CNY.
var assumed = assumptions{
	memory: 256, wholeCPU: 1769,
	dynamo: 4, queue: 8, merchant: 50,
	gbSecond: 0.0000133334, invocation: 0.20, write: 0.625, read: 0.125, message: 0.40,
}

// spent is what one event was measured to take.
type spent struct {
	// cpu is the processor time of the function in milliseconds, own the time in
	// which it waited for nobody. Both are 0 where no function ran.
	cpu, own float64
	// dynamo, queue and merchant are how often it waited for each.
	dynamo, queue, merchant float64
	// writes and reads are units of DynamoDB, messages requests of SQS by whoever
	// makes them.
	writes, reads, messages float64
}

// bill is what a million events come to.
type bill struct {
	// least and most are GB-seconds: with a processor of its own while it works,
	// and with no more than its share at any moment. What Lambda does lies between.
	least, most float64
	// usd is the price, with most.
	usd float64
}

// duration is what Lambda bills for an event, in whole milliseconds, if the work
// takes so many.
func (a assumptions) duration(s spent, work float64) float64 {
	return math.Ceil(work + s.dynamo*a.dynamo + s.queue*a.queue + s.merchant*a.merchant)
}

// million returns the bill of a million events.
func (a assumptions) million(s spent) bill {
	const events = 1e6
	var b bill
	b.usd = s.writes*a.write + s.reads*a.read + s.messages*a.message
	if s.cpu == 0 {
		return b
	}
	gb := a.memory / 1024
	share := min(1, a.memory/a.wholeCPU)
	b.least = events * a.duration(s, s.own) / 1000 * gb
	b.most = events * a.duration(s, max(s.own, s.cpu/share)) / 1000 * gb
	b.usd += b.most*a.gbSecond + a.invocation
	return b
}

// plus is both, one after the other.
func (s spent) plus(other spent) spent {
	return spent{
		cpu: s.cpu + other.cpu, own: s.own + other.own,
		dynamo: s.dynamo + other.dynamo, queue: s.queue + other.queue, merchant: s.merchant + other.merchant,
		writes: s.writes + other.writes, reads: s.reads + other.reads, messages: s.messages + other.messages,
	}
}

// plus is both bills together.
func (b bill) plus(other bill) bill {
	return bill{least: b.least + other.least, most: b.most + other.most, usd: b.usd + other.usd}
}

// sweepsInAMonth is how often the template's schedule runs in thirty days.
const sweepsInAMonth = 30 * 24 * 60

// memorySize reads the memory of the functions from the template.
var memorySize = regexp.MustCompile(`(?m)^\s+MemorySize: (\d+)$`)

func templateMemory() (float64, error) {
	text, err := os.ReadFile("../../template/aws/template.yaml")
	if err != nil {
		return 0, err
	}
	found := memorySize.FindAllStringSubmatch(string(text), -1)
	if len(found) != 1 {
		return 0, fmt.Errorf("template/aws has %d lines with MemorySize, and one is read", len(found))
	}
	return strconv.ParseFloat(found[0][1], 64)
}
