//go:build weft

#include "textflag.h"

// func weftRDTSC() int64
TEXT ·weftRDTSC<ABIInternal>(SB),NOSPLIT,$0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	RET

// func weftInvariantTSC() bool
TEXT ·weftInvariantTSC(SB),NOSPLIT,$0-1
	MOVB	$0, ret+0(FP)
	MOVL	$0x80000000, AX
	CPUID
	CMPL	AX, $0x80000007
	JB	no
	MOVL	$0x80000007, AX
	CPUID
	SHRL	$8, DX
	ANDL	$1, DX
	MOVB	DX, ret+0(FP)
no:
	RET
